/** checkpoint and restore: through criu where it works, else a clear refusal. */

// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "./_bundle.ts";
import { CONTAINER, container, test, until, without } from "./_harness.ts";

/** Why nothing can be saved here; null where criu works. */
function noCriu(): string | null {
  const missing = without("criu");
  if (missing) return missing;
  const { success, stderr } = new Deno.Command("criu", { args: ["check"] })
    .outputSync();
  const [line = ""] = new TextDecoder().decode(stderr).split("\n");
  return success ? null : `criu check: ${line}`;
}

const NO_CRIU = noCriu();

const counting = () =>
  Bundle.make([
    ...["sh", "-c"],
    "i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.1; done",
  ], (config) => {
    Object.assign(config, { root: { path: "rootfs", readonly: false } });
    const namespaces = config.linux.namespaces as { type: string }[];
    // Saving one takes modules that not every kernel has.
    config.linux.namespaces = namespaces.filter(({ type }) =>
      type !== "network"
    );
  });

const count = async (bundle: Bundle) =>
  Number(await Deno.readTextFile(`${bundle.dir.path}/rootfs/count`));

test("checkpoint and restore say what they can, as podman asks", async () => {
  for (const command of ["checkpoint", "restore"]) {
    const { status, stdout } = await container([command, "--help"]);
    assertEquals(status, 0);
    assertStringIncludes(stdout, "--tcp-established");
    assertStringIncludes(stdout, "--image-path");
  }
  const { status, stderr } = await container([
    ...["checkpoint", "--manage-cgroups-mode", "hard", "x"],
  ]);
  assertEquals(status, 2);
  assertStringIncludes(stderr, "soft, full, strict, ignore");
});

test(
  "where criu does not work that is said, in its words, and nothing changes",
  async () => {
    await using bundle = await counting();
    await bundle.create("one");
    const images = `${bundle.dir.path}/images`;
    const early = await bundle.call(
      "checkpoint",
      "--image-path",
      images,
      "one",
    );
    assertStringIncludes(early.stderr, "created state");
    await bundle.does("start", "one");
    for (
      const [command, ...args] of [
        ["checkpoint", "one"],
        ["restore", "--bundle", bundle.dir.path, "--detach", "two"],
      ] as const
    ) {
      const { status, stdout, stderr } = await bundle.call(
        command,
        ...["--image-path", images],
        ...args,
      );
      assertEquals([status, stdout], [125, ""]);
      assertStringIncludes(stderr, "criu");
      assert(!stderr.includes("    at "), stderr);
    }
    assertEquals(await bundle.status("one"), "running");
    await bundle.does("delete", "--force", "one");
  },
  { skip: NO_CRIU ? null : "criu works here" },
);

test("a container goes on where it was saved, under another id", async () => {
  await using bundle = await counting();
  const images = `${bundle.dir.path}/images`;
  await bundle.create("one");
  await bundle.does("start", "one");
  await until("it counts", async () => await count(bundle) > 3);
  await bundle.does(
    ...["checkpoint", "--leave-running", "--image-path", images, "one"],
  );
  assertEquals(await bundle.status("one"), "running");
  await bundle.does("checkpoint", "--image-path", images, "one");
  const saved = await count(bundle);
  assertStringIncludes(
    (await bundle.call("state", "one")).stderr,
    "does not exist",
  );
  // With a cgroup of its own.
  const file = `${bundle.dir.path}/config.json`;
  const config = JSON.parse(await Deno.readTextFile(file));
  config.linux.cgroupsPath += "-two";
  await Deno.writeTextFile(file, JSON.stringify(config));
  // It has our streams for as long as it lives, as one that is created.
  const { code } = await new Deno.Command(CONTAINER[0]!, {
    args: [
      ...[...CONTAINER.slice(1), "--root", `${bundle.dir.path}/state`],
      ...["restore", "--bundle", bundle.dir.path, "--image-path", images],
      ...["--detach", "two"],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  assertEquals(code, 0);
  await until("it goes on", async () => await count(bundle) > saved);
  const { pid } = JSON.parse(await bundle.does("state", "two"));
  assertStringIncludes(
    await Deno.readTextFile(`/proc/${pid}/cgroup`),
    config.linux.cgroupsPath,
  );
  await bundle.does("delete", "--force", "two");
}, { skip: NO_CRIU });
