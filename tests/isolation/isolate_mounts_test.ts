/** Mounts and the root filesystem: flags that show, hide or change files inside. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  container,
  copyRootfs,
  execute,
  type Mode,
  rootfs,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";

/** Lists every path below a directory with its properties, for comparison. */
async function listing(path: string): Promise<string> {
  const { stdout } = await execute([
    "find",
    path,
    "-printf",
    "%P %y %m %U %G %s %T@ %l\n",
  ]);
  return stdout;
}

const namesIn = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name);

/** Makes a directory with a file, like a volume. */
async function makeSource(dir: TempDir): Promise<string> {
  const source = `${dir.path}/source`;
  await Deno.mkdir(source);
  await Deno.writeTextFile(`${source}/file`, "text\n");
  return source;
}

testBoth(
  "-v mounts a directory of the host, and changes reach it",
  async (mode) => {
    await using dir = new TempDir();
    const source = await makeSource(dir);
    const { status, stdout } = await mode.run(
      ["-v", `${source}:/mnt/deep/er`, "--ephemeral"].concat([
        "sh",
        "-c",
        "cat /mnt/deep/er/file; echo new > /mnt/deep/er/new",
      ]),
    );
    assertEquals([status, stdout], [0, "text\n"]);
    assertEquals(await Deno.readTextFile(`${source}/new`), "new\n");
  },
);

testBoth(
  "-v …:ro makes the mount and all mounts below it read-only",
  async (mode) => {
    await using dir = new TempDir();
    const source = await makeSource(dir);
    await Deno.mkdir(`${source}/below`);
    const { stdout } = await execute([
      "unshare",
      "-m",
      "sh",
      "-c",
      'mount -t tmpfs none "$1/below"; touch "$1/below/there"; shift; exec "$@"',
      "sh",
      source,
      ...mode.runWords(
        ...["-q", "--ephemeral", "-v", `${source}:/mnt:ro`, "sh", "-c"],
        "cat /mnt/file; ls /mnt/below; touch /mnt/x 2>/dev/null && echo written; touch /mnt/below/x 2>/dev/null && echo below; mount -o remount,rw /mnt 2>/dev/null && echo remounted",
      ),
    ]);
    assertEquals(stdout, "text\nthere\n");
  },
  { skip: without("unshare") },
);

testBoth("-v accepts noexec and nosuid", async (mode) => {
  await using dir = new TempDir();
  const source = await makeSource(dir);
  const { stdout } = await mode.run([
    ...["--ephemeral", "-v", `${source}:/mnt:noexec,nosuid`],
    ...["grep", " /mnt ", "/proc/self/mountinfo"],
  ]);
  assertMatch(stdout, / \/mnt rw,[^ ]*\bnosuid\b[^ ]*\bnoexec\b/);
});

testBoth(
  "-v mounts a file, with a relative source and through a link",
  async (mode) => {
    await using dir = new TempDir();
    await makeSource(dir);
    await Deno.symlink("source/file", `${dir.path}/link`);
    for (const source of ["source/file", "./source/../link", "./link"]) {
      const { stdout } = await mode.run(
        [
          "-v",
          `${source}:/etc/inner/thing`,
          "--ephemeral",
          "cat",
          "/etc/inner/thing",
        ],
        { cwd: dir.path },
      );
      assertEquals(stdout, "text\n", source);
    }
  },
);

testBoth(
  "-v over a file of the root filesystem leaves that file unchanged",
  async (mode) => {
    await using dir = new TempDir();
    const source = await makeSource(dir);
    const path = await copyRootfs(dir.path);
    await Deno.writeTextFile(`${path}/etc/own`, "own\n");
    const { stdout } = await mode.run([
      ...["--rootfs", path, "-v", `${source}/file:/etc/own`],
      ...["cat", "/etc/own"],
    ]);
    assertEquals(stdout, "text\n");
    assertEquals(await Deno.readTextFile(`${path}/etc/own`), "own\n");
  },
);

testBoth("-v refuses a missing source in one line", async (mode) => {
  const { status, stdout, stderr } = await mode.run(
    ["-v", "/no/such/place:/mnt", "true"],
  );
  assertEquals([status, stdout], [125, ""]);
  assertEquals(
    stderr,
    "container: --volume /no/such/place:/mnt: /no/such/place does not exist on the host. Create it, or correct the path.\n",
  );
});

testBoth(
  "-v to a path behind a link of the root filesystem stays inside",
  async (mode) => {
    await using dir = new TempDir();
    const source = await makeSource(dir);
    const outside = `${dir.path}/outside`;
    await Deno.mkdir(outside);
    const path = await copyRootfs(dir.path);
    await Deno.symlink(outside, `${path}/absolute`);
    await Deno.symlink("../../../../../../tmp", `${path}/upwards`);
    const { status, stdout } = await mode.run([
      ...["--rootfs", path, "-v", `${source}:/upwards/here`],
      ...["cat", "/tmp/here/file"],
    ]);
    assertEquals([status, stdout], [0, "text\n"]);
    const dangling = await mode.run([
      ...["--rootfs", path, "-v", `${source}:/absolute/here`],
      ...["cat", `${outside}/here/file`],
    ]);
    assertEquals([dangling.status, dangling.stdout], [0, "text\n"]);
    assertEquals(namesIn(outside), []);
    assertEquals(namesIn(`${path}${outside}`), ["here"]);
  },
);

testBoth(
  "-v shows later mounts of the host only with rslave, and sends none back",
  async (mode) => {
    await using dir = new TempDir();
    const source = await makeSource(dir);
    const look = async (options: string) => {
      const { stdout } = await execute([
        "unshare",
        "-m",
        "--propagation",
        "shared",
        "sh",
        "-c",
        `src="$1"; shift
       mount --bind "$src" "$src"; mount --make-shared "$src"; mkdir -p "$src/late"
       mkfifo "$src/go"
       { "$@" & } ; read x < "$src/go"
       mount -t tmpfs none "$src/late"; touch "$src/late/there"
       echo > "$src/go"; wait; umount "$src/late"`,
        "sh",
        source,
        ...mode.runWords(
          ...[
            "-q",
            "--ephemeral",
            "-v",
            `${source}:/mnt${options}`,
            "sh",
            "-c",
          ],
          "echo > /mnt/go; read x < /mnt/go; ls /mnt/late",
        ),
      ]);
      await Deno.remove(`${source}/go`);
      return stdout;
    };
    assertEquals(await look(":rslave"), "there\n");
    assertEquals(await look(""), "");
  },
  { skip: without("unshare") },
);

testBoth("--mount accepts bind, tmpfs and readonly", async (mode) => {
  await using dir = new TempDir();
  const source = await makeSource(dir);
  const { stdout } = await mode.run([
    "--ephemeral",
    ...["--mount", `type=bind,source=${source},target=/one,readonly`],
    ...["--mount", `type=bind,src=${source},dst=/two`],
    ...["--mount", "type=tmpfs,target=/three,tmpfs-size=1m,tmpfs-mode=700"],
    "sh",
    "-c",
    "touch /one/x 2>/dev/null || echo readonly; touch /two/x && ls /one; stat -c %a /three; df -k /three | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2",
  ]);
  assertEquals(stdout, "readonly\nfile\nx\n700\n1024\n");
});

testBoth("--tmpfs mounts memory with the given options", async (mode) => {
  const { stdout } = await mode.run([
    ...["--ephemeral", "--tmpfs", "/run/box:size=64k,mode=711"],
    ...["--tmpfs", "/scratch", "sh", "-c"],
    `stat -c %a /run/box /scratch
     head -c 100k /dev/zero 2>/dev/null > /run/box/big || echo full
     echo 'echo run' > /scratch/x; chmod +x /scratch/x; /scratch/x 2>/dev/null || echo noexec`,
  ]);
  assertEquals(stdout, "711\n1777\nfull\nnoexec\n");
});

testBoth(
  "run makes mounts in the given order, replacing default mounts in place",
  async (mode) => {
    await using dir = new TempDir();
    const source = await makeSource(dir);
    const { stdout } = await mode.run([
      ...[
        "--ephemeral",
        "--tmpfs",
        "/a",
        "-v",
        `${source}:/a/b`,
        "--tmpfs",
        "/a/b/c",
      ],
      ...["--tmpfs", "/dev/shm:size=64k"],
      "sh",
      "-c",
      "cat /a/b/file; touch /a/b/c/x; df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2; grep -c ' /dev/shm ' /proc/self/mountinfo",
    ]);
    assertEquals(stdout, "text\n64\n1\n");
    assertEquals(namesIn(`${source}/c`), []);
  },
);

testBoth(
  "--read-only makes the root read-only, but not file systems in memory",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    const before = await listing(path);
    const { stdout } = await mode.run([
      ...["--rootfs", path, "--read-only", "--tmpfs", "/tmp", "sh", "-c"],
      "for d in / /etc /tmp /dev/shm; do touch $d/x 2>/dev/null && echo $d; done; mount -o remount,rw / 2>/dev/null && echo remounted",
    ]);
    assertEquals(stdout, "/tmp\n/dev/shm\n");
    assertEquals(await listing(path), before);
  },
);

const CHANGES =
  "echo new > /new; rm /bin/ls; echo more >> /etc/passwd; chmod 700 /tmp; mkdir /sub; cat /new";

testBoth(
  "--ephemeral shows changes inside and drops them afterwards",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    const before = await listing(path);
    const args = ["--rootfs", path, "--ephemeral", "sh", "-c"];
    for (let time = 0; time < 2; time++) {
      const { status, stdout } = await mode.run(
        [...args, `[ ! -e /new ] && ${CHANGES}`],
      );
      assertEquals([status, stdout], [0, "new\n"]);
    }
    assertEquals(await listing(path), before);
  },
);

testBoth(
  "--overlay DIR keeps the changes in DIR/upper for the next container",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    const before = await listing(path);
    const args = ["--rootfs", path, "--overlay", "kept/here"];
    const first = await mode.run([...args, "sh", "-c", CHANGES], {
      cwd: dir.path,
    });
    assertEquals([first.status, first.stdout, first.stderr], [0, "new\n", ""]);
    assertEquals(await listing(path), before);
    const upper = `${dir.path}/kept/here/upper`;
    assertEquals(await Deno.readTextFile(`${upper}/new`), "new\n");
    assert((await Deno.lstat(`${upper}/bin/ls`)).isCharDevice, "a whiteout");
    const second = await mode.run(
      [...args, "sh", "-c", "cat /new; [ -e /bin/ls ] || echo gone"],
      { cwd: dir.path },
    );
    assertEquals(second.stdout, "new\ngone\n");
  },
);

testBoth(
  "--overlay refuses a directory in which nothing can be made, in one line",
  async (mode) => {
    await using dir = new TempDir();
    await Deno.writeTextFile(`${dir.path}/file`, "");
    const { status, stdout, stderr } = await mode.run(
      ["--overlay", `${dir.path}/file`, "true"],
    );
    assertEquals([status, stdout], [125, ""]);
    assertMatch(
      stderr,
      /^container: Cannot create the directory .*file: there is a file with this name\. Remove .*\n$/,
    );
  },
);

/** Runs a container on another root than the usual one. */
const runIn = (mode: Mode, root: string, ...args: string[]) =>
  container(["run", ...mode.flags, "-q", "--rootfs", root, ...args]);

testBoth(
  "--rootfs / shows the host's tree read-only, with a /dev of the container's own",
  async (mode) => {
    await using dir = new TempDir();
    const { status, stdout } = await runIn(
      mode,
      "/",
      "sh",
      "-c",
      `for d in / /etc /tmp /var ${dir.path}; do touch $d/.x 2>/dev/null && echo $d; done
     [ -e ${dir.path} ] && echo seen; hostname; ls /dev | wc -l; ls /proc | grep -c '^[0-9]'`,
    );
    assertEquals(status, 0);
    assertMatch(stdout, /^seen\ncontainer\n14\n[2-7]\n$/);
  },
);

testBoth(
  "--rootfs / --ephemeral drops changes to the host's tree afterwards",
  async (mode) => {
    const { stdout } = await runIn(
      mode,
      "/",
      "--ephemeral",
      "sh",
      "-c",
      "touch /.x-container /etc/.x-container && ls /.x-container /etc/.x-container",
    );
    assertEquals(stdout, "/.x-container\n/etc/.x-container\n");
    for (const directory of ["/", "/etc/"]) {
      const names = namesIn(directory);
      assert(!names.includes(".x-container"), directory);
    }
  },
);

testBoth(
  "--rootfs empty contains only what is asked for, made in the given order",
  async (mode) => {
    await using dir = new TempDir();
    const source = await makeSource(dir);
    const fs = rootfs();
    const { status, stdout, stderr } = await runIn(
      mode,
      "empty",
      ...["--ro-bind", `${fs}/bin:/usr/bin`, "--symlink", "usr/bin:/bin"],
      ...["--dir", "/a/b", "--file", `${source}/file:/etc/text`],
      ...["--bind-try", "/no/such:/none", "--ro-bind-try", "/no/such"],
      ...["--bind", `${source}:/rw`, "--bind-try", `${source}:/try`],
      "sh",
      "-c",
      `ls -d /* | tr '\\n' ' '; echo; cat /etc/text; readlink /bin; ls -A /a/b
     touch /usr/bin/x 2>/dev/null || echo readonly; touch /rw/x && ls /try
     touch /made && echo made; stat -f -c %T / 2>/dev/null`,
    );
    assertEquals([status, stderr], [0, ""]);
    assertMatch(
      stdout,
      /^\/a \/bin \/dev \/etc \/proc \/rw \/sys \/try \/usr \ntext\nusr\/bin\nreadonly\nfile\nx\nmade\n/,
    );
  },
);
