/** checkpoint and restore: with criu if it works, otherwise a clear refusal. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import {
  CONTAINER,
  container,
  TempDir,
  test,
  until,
  without,
} from "../_harness.ts";
import { rootOf } from "../_host.ts";

/** Why nothing can be checkpointed here; null if criu works. */
function noCriu(): string | null {
  const missing = without("criu");
  if (missing) return missing;
  const { success, stderr } = new Deno.Command("criu", { args: ["check"] })
    .outputSync();
  const [line = ""] = new TextDecoder().decode(stderr).split("\n");
  return success ? null : `criu check: ${line}`;
}

const NO_CRIU = noCriu();

/** The program takes seconds to start in an emulated machine. */
const ELSEWHERE = Deno.env.has("CONTAINER_VM")
  ? "no matter of the virtual machine"
  : null;

/**
 * A bundle that writes each number once, to a file of its root and to its
 * output.
 */
const counting = (change: (config: Config) => void = () => {}) =>
  Bundle.make([
    ...["sh", "-c"],
    "trap 'exit 7' TERM; i=0; while :; do i=$((i+1)); echo $i | tee -a /count; sleep 0.1; done",
  ], (config) => {
    Object.assign(config, { root: { path: "rootfs", readonly: false } });
    change(config);
  });

/** The last number, with none missing and none repeated before. */
async function count(bundle: Bundle): Promise<number> {
  const text = await Deno.readTextFile(`${bundle.dir.path}/rootfs/count`)
    .catch(() => "");
  const numbers = text.split("\n").slice(0, -1).map(Number);
  assertEquals(numbers, numbers.map((_, index) => index + 1));
  return numbers.length;
}

const goesOn = (bundle: Bundle, from: number) =>
  until("it goes on", async () => await count(bundle) > from + 2);

/** Starts a container with a command whose streams it keeps. */
const starting = (bundle: Bundle, stdout: "null" | "piped", words: string[]) =>
  new Deno.Command(CONTAINER[0]!, {
    args: [
      ...[...CONTAINER.slice(1), "--root", `${bundle.dir.path}/state`],
      ...words,
    ],
    stdin: "null",
    stdout,
    stderr: "null",
  });

test("checkpoint and restore report what they support", async () => {
  for (const command of ["checkpoint", "restore"]) {
    const { status, stdout } = await container([command, "--help"]);
    assertEquals(status, 0);
    assertStringIncludes(stdout, "--tcp-established");
    assertStringIncludes(stdout, "--image-path");
  }
  const { status, stderr } = await container([
    ...["checkpoint", "--manage-cgroups-mode", "hard", "x"],
  ]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "soft, full, strict, ignore");
}, { skip: ELSEWHERE });

test(
  "checkpoint without a working criu fails with criu's message and changes nothing",
  async () => {
    await using bundle = await counting();
    await bundle.create("one");
    const images = `${bundle.dir.path}/images`;
    await Deno.mkdir(images);
    await Deno.writeTextFile(`${images}/inventory.img`, "");
    await Deno.writeTextFile(`${images}/descriptors.json`, "[]");
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

test(
  "restore refuses a directory without a checkpoint, and leaves nothing",
  async () => {
    await using bundle = await counting();
    const images = `${bundle.dir.path}/images`;
    const refused = async (why: string) => {
      const { status, stdout, stderr } = await bundle.call(
        ...["restore", "--bundle", bundle.dir.path, "--image-path", images],
        "two",
      );
      assertEquals([status, stdout], [125, ""]);
      assertStringIncludes(
        stderr,
        `container: Cannot restore two: there is no checkpoint in ${images}: ${why}`,
      );
      assertStringIncludes(stderr, "--image-path DIR");
      assertEquals(stderr.trim().split("\n").length, 1);
    };
    await refused("the directory does not exist.");
    await Deno.mkdir(images);
    await refused("the file inventory.img is missing.");
    await Deno.writeTextFile(`${images}/inventory.img`, "");
    await refused(
      "it has no descriptors.json; perhaps it contains only a --pre-dump.",
    );
    await Deno.writeTextFile(`${images}/descriptors.json`, "{}");
    await refused("its descriptors.json is not a list of streams.");
    assertEquals(await bundle.does("list", "--quiet"), "");
  },
  { skip: ELSEWHERE },
);

test("restore continues a container under the same id", async () => {
  await using bundle = await counting();
  const images = `${bundle.dir.path}/images`;
  await bundle.create("one");
  await bundle.does("start", "one");
  await goesOn(bundle, 0);
  await bundle.does(
    ...["checkpoint", "--leave-running", "--image-path", images, "one"],
  );
  await goesOn(bundle, await count(bundle));
  await bundle.does("checkpoint", "--image-path", images, "one");
  const saved = await count(bundle);
  const { code } = await starting(bundle, "null", [
    ...["restore", "--bundle", bundle.dir.path, "--image-path", images],
    ...["--detach", "one"],
  ]).output();
  assertEquals(code, 0, "restore; `restore.log` of the images says why");
  await goesOn(bundle, saved);
  assertEquals(await bundle.status("one"), "running");
}, { skip: NO_CRIU });

test(
  "restore continues a paused container as another, in a copy of its root, attached",
  async () => {
    await using source = new TempDir();
    await Deno.writeTextFile(`${source.path}/file`, "the host's\n");
    await using bundle = await counting((config) =>
      void config.mounts.push({
        destination: "/made/for/it",
        type: "bind",
        source: `${source.path}/file`,
        options: ["bind", "ro"],
      })
    );
    const { path } = bundle.dir;
    const images = `${path}/images`;
    const first = starting(bundle, "piped", [
      ...["create", "--bundle", path, "one"],
    ]).spawn();
    const said = new Response(first.stdout).text();
    assertEquals((await first.status).code, 0);
    await bundle.does("start", "one");
    await goesOn(bundle, 0);
    await bundle.does("pause", "one");
    await bundle.does("checkpoint", "--image-path", images, "one");
    const saved = (await said).trim().split("\n").length;
    await Deno.remove(`${path}/rootfs/made`, { recursive: true });
    // With a cgroup of its own.
    const file = `${path}/config.json`;
    const config = JSON.parse(await Deno.readTextFile(file));
    config.linux.cgroupsPath += "-two";
    await Deno.writeTextFile(file, JSON.stringify(config));
    const second = starting(bundle, "piped", [
      ...["restore", "--bundle", path, "--image-path", images],
      ...["--pid-file", `${path}/pid`, "two"],
    ]).spawn();
    const goingOn = new Response(second.stdout).text();
    await until("it is there", () => exists(`${path}/pid`));
    const pid = Number(await Deno.readTextFile(`${path}/pid`));
    assertStringIncludes(
      await Deno.readTextFile(`/proc/${pid}/cgroup`),
      config.linux.cgroupsPath,
    );
    assertEquals(
      await Deno.readTextFile(`${rootOf(pid)}/made/for/it`),
      "the host's\n",
    );
    await goesOn(bundle, await count(bundle));
    second.kill("SIGTERM");
    assertEquals((await second.status).code, 7);
    assertStringIncludes(
      (await bundle.call("state", "two")).stderr,
      "does not exist",
    );
    const [next] = (await goingOn).split("\n");
    assert(
      Number(next) === saved + 1 || Number(next) === saved,
      `${next} after ${saved}`,
    );
  },
  { skip: NO_CRIU },
);

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).size > 0;
  } catch {
    return false;
  }
}
