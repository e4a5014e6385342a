/**
 * Symbolic links of a hostile root filesystem that lead through the links of
 * /proc, to places that no path leads to: another process's root, or a
 * directory that a process has open. Nothing outside is made or covered, even
 * if the host's processes are visible, or if the host's tree still exists for a
 * hook.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { MODES, Target } from "../_attack.ts";
import { Bundle } from "../_bundle.ts";
import { TempDir, test } from "../_harness.ts";
import { rootOf } from "../_host.ts";

/** Descriptors that our processes may have open at that time. */
const NUMBERS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 60, 61, 63, 64, 65, 66];

const names = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).toSorted();

for (const { mode, flags } of MODES) {
  test(`run makes nothing behind another process's root (${mode})`, async () => {
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

  test(`--file cannot write to a setting of the kernel (${mode})`, async () => {
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

test("no volume can replace /proc/self and receive the kernel's settings", async () => {
  await using target = await Target.make({
    flags: ["--no-init"],
    prepare: (rootfs) => Deno.symlink("/proc/self", `${rootfs}/data`),
  });
  const volume = `${target.directory}/volume`;
  await Deno.mkdir(volume);
  await Deno.writeTextFile(`${volume}/oom_score_adj`, "");
  for (
    const [place, error] of [
      // Through a link of the image, and by the path that the caller gave.
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

test("a createContainer hook does not let links make anything in the host's tree", async () => {
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

test("a volume cannot cover the program of a createContainer hook", async () => {
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
