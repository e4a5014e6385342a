/**
 * scripts/rootfs.ts: what it builds, where, and what it refuses.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { makeStaticElf } from "../../rootfs/_elf_fixture.ts";

import {
  BUSYBOX,
  CONFIG,
  mounted,
  NEEDS_BUSYBOX,
  NEEDS_ROOT,
  SCRIPT,
  test,
} from "../_rootfs.ts";

test(
  "builds the full tree below a closed directory",
  NEEDS_BUSYBOX,
  async (place) => {
    const said = await place.build("--debug");
    assertStringIncludes(said, "Created fs with busybox from");
    assertStringIncludes(said, "only you can enter (0700)");
    assertEquals(place.names(), [".fs.d", "fs"]);
    assertEquals(await Deno.readLink(`${place.dir}/fs`), ".fs.d/rootfs");
    assertEquals(place.names(".fs.d"), ["rootfs"]);
    const mode = async (path: string) =>
      ((await Deno.stat(`${place.dir}/${path}`)).mode ?? 0) & 0o7777;
    assertEquals(await mode(".fs.d"), 0o700);
    assertEquals(await mode("fs"), 0o755);
    assertEquals(await mode("fs/tmp"), 0o1777);
    assertEquals(place.names("fs"), [
      "bin",
      "dev",
      "etc",
      "proc",
      "root",
      "sys",
      "tmp",
    ]);
    assertEquals(place.names("fs/etc"), [
      "group",
      "hostname",
      "hosts",
      "passwd",
      "resolv.conf",
    ]);
    const { stdout } = await new Deno.Command(`${place.dir}/fs/bin/busybox`, {
      args: ["--list"],
    }).output();
    const applets = new TextDecoder().decode(stdout).trim().split("\n");
    assertEquals(
      place.names("fs/bin"),
      [...new Set(["busybox", ...applets])].sort(),
    );
    const echo = await new Deno.Command(`${place.dir}/fs/bin/echo`, {
      args: ["hi"],
    }).output();
    assertEquals(new TextDecoder().decode(echo.stdout), "hi\n");
  },
);

test(
  "--minimal builds exactly the seed's tree",
  NEEDS_BUSYBOX,
  async (place) => {
    await place.build("--minimal");
    assertEquals(place.names("fs"), ["bin", "proc"]);
    assertEquals(place.names("fs/proc"), []);
    const links = ["cat", "echo", "ls", "ps", "sh"];
    assertEquals(place.names("fs/bin"), ["busybox", ...links].sort());
    for (const link of links) {
      assertEquals(
        await Deno.readLink(`${place.dir}/fs/bin/${link}`),
        "busybox",
      );
    }
  },
);

test(
  "keeps users of the host from a setuid file made inside",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await place.build();
    const shell = `${place.dir}/fs/bin/busybox`;
    await Deno.chmod(shell, 0o4755);
    // Not by setpriv, which still holds capabilities while it looks up the
    // file.
    const asNobody = async () =>
      await new Deno.Command(shell, { args: ["true"], uid: 65534, gid: 65534 })
        .output();
    await assertRejects(asNobody, Deno.errors.PermissionDenied);
    // The same file in an open directory shows that the test would notice it.
    await Deno.chmod(`${place.dir}/.fs.d`, 0o755);
    assertEquals((await asNobody()).code, 0);
  },
);

test(
  "does nothing the second time and reports that",
  NEEDS_BUSYBOX,
  async (place) => {
    await place.build();
    const inode = async () => (await Deno.stat(`${place.dir}/fs`)).ino;
    const first = await inode();
    await Deno.writeTextFile(`${place.dir}/fs/root/mine`, "");
    assertStringIncludes(await place.build(), "nothing to do");
    assertEquals(await inode(), first);
    assertEquals(place.names("fs/root"), ["mine"]);

    assertStringIncludes(await place.build("--minimal"), "--force --minimal");
    assertEquals(await inode(), first);

    assertStringIncludes(await place.build("--force"), "Created fs");
    assertNotEquals(await inode(), first);
    assertEquals(place.names("fs/root"), []);
    assertEquals(place.names(".fs.d"), ["rootfs"]);
  },
);

test("reports a damaged tree", NEEDS_BUSYBOX, async (place) => {
  await place.build();
  await Deno.remove(`${place.dir}/fs/bin/sh`);
  const { status, stderr } = await place.run([]);
  assertEquals(status, 1);
  assertEquals(
    stderr,
    "rootfs: Cannot use the existing fs: bin/sh is missing; build it again with deno task rootfs --force\n",
  );
});

test(
  "links a tree whose run was killed before it made the link",
  NEEDS_BUSYBOX,
  async (place) => {
    await place.build();
    await Deno.remove(`${place.dir}/fs`);
    assertStringIncludes(await place.build(), "nothing to do");
    assertEquals(await Deno.readLink(`${place.dir}/fs`), ".fs.d/rootfs");
  },
);

test(
  "uses the directory itself in a closed parent",
  NEEDS_BUSYBOX,
  async (place) => {
    await Deno.chmod(place.dir, 0o700);
    assertStringIncludes(
      await place.build("--debug"),
      "in a directory that only you can enter",
    );
    assertEquals(place.names(), ["fs"]);
    assert((await Deno.lstat(`${place.dir}/fs`)).isDirectory);

    // Opened later: reported, and moved with --force.
    await Deno.chmod(place.dir, 0o755);
    assertStringIncludes(await place.build(), "--force moves it");
    assertEquals(place.names(), ["fs"]);
    await place.build("--force");
    assertEquals(place.names(), [".fs.d", "fs"]);
    assertEquals(place.names(".fs.d"), ["rootfs"]);
    assert((await Deno.lstat(`${place.dir}/fs`)).isSymlink);
  },
);

test(
  "uses the directory itself on a nosuid mount",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await mounted(place.dir, "nosuid,size=8m", async () => {
      assertStringIncludes(
        await place.build("--debug"),
        "fs is on a nosuid mount",
      );
      assertEquals(place.names(), ["fs"]);
    });
  },
);

test("--out makes missing directories", NEEDS_BUSYBOX, async (place) => {
  await place.build("--out", "a/b/tree");
  assertEquals(place.names("a/b"), [".tree.d", "tree"]);
});

test("refuses a place that it does not own", NEEDS_BUSYBOX, async (place) => {
  await Deno.mkdir(`${place.dir}/other/bin`, { recursive: true });
  await Deno.writeTextFile(`${place.dir}/other/bin/busybox`, "");
  await Deno.writeTextFile(`${place.dir}/other/bin/bash`, "");
  await Deno.mkdir(`${place.dir}/empty`);
  await Deno.writeTextFile(`${place.dir}/file`, "");
  await Deno.symlink("other", `${place.dir}/link`);
  await Deno.symlink("nowhere", `${place.dir}/dangling`);
  const before = place.names();
  for (const out of [...before, "/usr", "/proc"]) {
    const { status, stderr } = await place.run([
      "--force",
      "--busybox",
      BUSYBOX ?? "",
      "--out",
      out,
    ]);
    assertEquals(status, 1);
    assertStringIncludes(stderr, `rootfs: Cannot replace ${out}: it is `);
  }
  const { status, stderr } = await place.run(["--force", "--out", "/"]);
  assertEquals(status, 1);
  assertStringIncludes(stderr, "Cannot place a root filesystem at /");
  for (const out of ["file/below", "file/far/below"]) {
    const { status, stderr } = await place.run(["--out", out]);
    assertEquals(status, 1);
    assertMatch(stderr, /Cannot place .*file\S* is not a directory; .*--out/);
  }
  assertEquals(place.names(), before);
  assertEquals(place.names("other/bin"), ["bash", "busybox"]);
});

test(
  "refuses a closed directory that others can enter",
  NEEDS_BUSYBOX,
  async (place) => {
    await Deno.mkdir(`${place.dir}/.fs.d`);
    await Deno.chmod(`${place.dir}/.fs.d`, 0o755);
    const { status, stderr } = await place.run(["--busybox", BUSYBOX ?? ""]);
    assertEquals(status, 1);
    assertStringIncludes(stderr, "it is open to other users");
    assertEquals(place.names(), [".fs.d"]);
  },
);

test(
  "--force refuses while something is mounted in the tree",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await place.build();
    await mounted(`${place.dir}/fs/tmp`, "size=64k", async () => {
      await Deno.writeTextFile(`${place.dir}/fs/tmp/precious`, "");
      const { status, stderr } = await place.run([
        "--force",
        "--busybox",
        BUSYBOX ?? "",
      ]);
      assertEquals(status, 1);
      assertMatch(stderr, /there is a mount at .*rootfs\/tmp; run "umount/);
      assertEquals(place.names("fs/tmp"), ["precious"]);
    });
    assertEquals(place.names(".fs.d"), ["rootfs"]);
  },
);

test(
  "refuses everything but a static busybox, and leaves nothing",
  "",
  async (place) => {
    const script = `${place.root}/script`;
    await Deno.writeTextFile(script, "#!/bin/sh\necho sh\n");
    const broken = `${place.root}/broken`;
    await Deno.writeFile(broken, makeStaticElf());
    const cases: [file: string, cause: string][] = [
      ["/bin/ls", "it is dynamically linked (it needs the loader /"],
      [script, "it is not an ELF executable"],
      [`${place.root}/missing`, "there is no such file"],
      [place.dir, "it is not a regular file"],
      ["/dev/zero", "it is not a regular file"],
      [broken, ""],
    ];
    for (const [file, cause] of cases) {
      const { status, stdout, stderr } = await place.run(["--busybox", file]);
      assertEquals(status, 1, file);
      assertEquals(stdout, "");
      assertStringIncludes(
        stderr,
        `rootfs: Cannot use ${file} as busybox: ${cause}`,
      );
      assertNotMatch(stderr, /\n./, "one line, no stack");
      assertEquals(place.names(), []);
    }
  },
);

test(
  "--force as an ordinary user replaces a tree with files of root's container",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await place.give(1000);
    const force = () => place.runAs(1000, ["--force", "--minimal"]);
    assertEquals((await force()).status, 0);
    await Deno.mkdir(`${place.dir}/fs/proc/x/y`, { recursive: true });
    const replaced = await force();
    assertEquals(replaced.status, 0, replaced.stderr);
    assertStringIncludes(replaced.stderr, "Created fs with busybox from");
    const [left, ...others] = place.names(".fs.d");
    assertEquals(others, ["rootfs"]);
    assertStringIncludes(
      replaced.stderr,
      `run "sudo rm -rf ${place.dir}/.fs.d/${left}"`,
    );
    assertEquals(place.names("fs/proc"), []);
    // Files that stay do not prevent a later run, and are reported again.
    const again = await place.runAs(1000, []);
    assertEquals(again.status, 0, again.stderr);
    assertStringIncludes(again.stderr, "nothing to do");
    assertStringIncludes(again.stderr, `sudo rm -rf`);
    await Deno.remove(`${place.dir}/.fs.d/${left}`, { recursive: true });
    assertNotMatch((await place.runAs(1000, [])).stderr, /sudo/);
  },
);

test("works if nothing reads its output", NEEDS_BUSYBOX, async (place) => {
  const words = [Deno.execPath(), "run", "-A", "--quiet", "--config", CONFIG];
  const line = [...words, SCRIPT, "--busybox", BUSYBOX ?? ""].join(" ");
  const { code, stdout } = await place.command([], {}, {
    program: "bash",
    args: ["-c", `${line} 2>&1 | exec true; echo \${PIPESTATUS[0]}`],
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "0\n"]);
  assertEquals(place.names(), [".fs.d", "fs"]);
});

test("keeps the old tree when --force fails", NEEDS_BUSYBOX, async (place) => {
  await place.build();
  const { ino } = await Deno.stat(`${place.dir}/fs`);
  const { status } = await place.run(["--force", "--busybox", "/bin/ls"]);
  assertEquals(status, 1);
  assertEquals((await Deno.stat(`${place.dir}/fs`)).ino, ino);
  assertEquals(place.names(".fs.d"), ["rootfs"]);
});

test(
  "reports a full disk and leaves nothing",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await mounted(place.dir, "size=256k", async () => {
      const { status, stderr } = await place.run(["--busybox", BUSYBOX ?? ""]);
      assertEquals(status, 1);
      assertEquals(
        stderr,
        "rootfs: Cannot build fs: no space left on device; free some space or choose another path\n",
      );
      assertEquals(place.names(), []);
    });
  },
);
