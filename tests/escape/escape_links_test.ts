/**
 * Links of a hostile root filesystem that go through those of /proc, which lead
 * where no path does: to another process's root, to a directory that somebody
 * has open. Nothing is made or covered outside, not even where processes of the
 * host can be seen, nor while the host's tree is still there for a hook.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { MODES, Target } from "../_attack.ts";
import { Bundle } from "../_bundle.ts";
import { TempDir, test } from "../_harness.ts";
import { rootOf } from "../_host.ts";

/** Descriptors that a process of ours may have on its way. */
const NUMBERS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 60, 61, 63, 64, 65, 66];

const names = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).toSorted();

for (const { mode, flags } of MODES) {
  test(`nothing is made behind another process's root (${mode})`, async () => {
    await using host = new TempDir();
    await using target = await Target.make({
      flags,
      prepare: (rootfs) =>
        Deno.symlink(
          `${rootOf(Deno.pid)}${host.path}`,
          `${rootfs}/data`,
        ),
    });
    const text = `${target.directory}/text`;
    await Deno.writeTextFile(text, "written\n");
    for (
      const wish of [
        ["--tmpfs", "/data/directory"],
        ["--tmpfs", "/data/a/b/c"],
        ["-v", `${text}:/data/file`],
        ["--dir", "/data/directory"],
        ["--symlink", "to:/data/link"],
        ["--file", `${text}:/data/file`],
        ["--device", "/dev/null:/data/device"],
      ]
    ) {
      const { status, stderr } = await target.run([
        "--pid",
        "host",
        ...wish,
        "true",
      ]);
      assertEquals(status, 125, wish.join(" "));
      assertMatch(stderr, /^container: Cannot .+: .+ \(ELOOP\)\. .+\n$/);
      assertEquals(names(host.path), [], wish.join(" "));
    }
  });

  test(`--file writes to no setting of the kernel (${mode})`, async () => {
    await using target = await Target.make({
      flags,
      prepare: async (rootfs) => {
        await Deno.symlink("/proc/self/oom_score_adj", `${rootfs}/etc/file`);
        await Deno.symlink("/proc/self", `${rootfs}/self`);
      },
    });
    const text = `${target.directory}/text`;
    await Deno.writeTextFile(text, "900\n");
    for (const place of ["/etc/file", "/self/oom_score_adj"]) {
      const { status, stdout, stderr } = await target.run([
        "--file",
        `${text}:${place}`,
        "cat",
        "/proc/self/oom_score_adj",
      ]);
      assertEquals([status, stdout], [125, ""], place);
      assertMatch(stderr, /^container: Cannot write .+ \(ELOOP\)\. .+\n$/);
    }
  });
}

test("no volume takes in the kernel's place what is written to /proc/self", async () => {
  await using target = await Target.make({
    flags: ["--no-init"],
    prepare: (rootfs) => Deno.symlink("/proc/self", `${rootfs}/data`),
  });
  const volume = `${target.directory}/volume`;
  await Deno.mkdir(volume);
  await Deno.writeTextFile(`${volume}/oom_score_adj`, "");
  for (
    const [place, error] of [
      // By a link of the image's, and by the name that the caller gave.
      ["/data", "ELOOP"],
      ["/proc/self", "EXDEV"],
    ] as const
  ) {
    const { status, stdout, stderr } = await target.run([
      ...["-v", `${volume}:${place}`, "--oom-score-adj", "700"],
      ...["echo", "started"],
    ]);
    assertEquals([status, stdout], [125, ""], place);
    assertMatch(stderr, new RegExp(`^container: Cannot .+ \\(${error}\\)\\. `));
    assertEquals(await Deno.readTextFile(`${volume}/oom_score_adj`), "");
  }
});

test("with a hook of createContainer nothing is made in the host's tree", async () => {
  await using host = new TempDir();
  await using bundle = await Bundle.make(["true"], (config) => {
    Object.assign(config, {
      hooks: { createContainer: [{ path: "/bin/true" }] },
    });
    config.mounts.push({ destination: "/data/directory", type: "tmpfs" });
  });
  const link = `${bundle.dir.path}/rootfs/data`;
  for (const number of NUMBERS) {
    await Deno.symlink(`/proc/self/fd/${number}${host.path}`, link);
    const { status, stderr } = await bundle.call(
      "run",
      "--bundle",
      bundle.dir.path,
      "links",
    );
    assertEquals(status, 125, String(number));
    assertMatch(stderr, /^container: Cannot .+ \((ELOOP|ENOENT)\)\. .+\n$/);
    assertEquals(names(host.path), [], String(number));
    await Deno.remove(link);
  }
});

test("a volume covers no program that a hook of createContainer is", async () => {
  await using host = new TempDir();
  const { path } = host;
  const hook = async (directory: string, says: string) => {
    await Deno.mkdir(`${path}/${directory}`);
    await Deno.writeTextFile(
      `${path}/${directory}/hook`,
      `#!/bin/sh\necho ${says} >> ${path}/said\n`,
      { mode: 0o755 },
    );
  };
  await hook("programs", "good");
  await hook("volume", "evil");
  await using bundle = await Bundle.make(["true"], (config) => {
    Object.assign(config, {
      hooks: { createContainer: [{ path: `${path}/programs/hook` }] },
    });
    const volume = { destination: "/data", type: "bind", options: ["bind"] };
    config.mounts.push(
      Object.assign(volume, { source: `${path}/volume` }),
    );
  });
  const link = `${bundle.dir.path}/rootfs/data`;
  for (const number of NUMBERS) {
    await Deno.symlink(`/proc/self/fd/${number}${path}/programs`, link);
    await bundle.call("run", "--bundle", bundle.dir.path, "links");
    await Deno.remove(link);
  }
  const said = await Deno.readTextFile(`${path}/said`).catch(() => "");
  assertEquals(said.includes("evil"), false, said);
});
