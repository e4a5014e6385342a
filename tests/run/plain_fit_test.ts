/**
 * Which runs the compiled program carries out without starting Deno. It must
 * leave everything unusual to Deno.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  copyRootfs,
  execute,
  REPOSITORY,
  rootfs,
  shellLine,
  TempDir,
  test,
} from "../_harness.ts";
import {
  aloudIn,
  hasRuntime,
  MODES,
  plain,
  plainIn,
  program,
  skip,
  toFiles,
} from "../_plain.ts";
import { Session } from "../_session.ts";
import { namesIn, recordsOf, undoDirectory } from "../_undo_files.ts";

test("plain run: no Deno is started", async () => {
  const root = rootfs();
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/in`, "words\n");
  for (const mode of MODES) {
    for (
      const run of [
        plainIn(mode, root, "true"),
        aloudIn(mode, root, "true"),
        plainIn([...mode, "--read-only"], root, "true"),
        plainIn([...mode, "-e", "A=b", "--env=C="], root, "true"),
        plainIn([...mode, "--network", "none", "--net=none"], root, "true"),
        plainIn([...mode, "-w", "/tmp", "--rm", "-i"], root, "true"),
        plainIn([...mode, "--workdir=/nowhere", "-w", "/"], root, "true"),
        plainIn([...mode, "-v", `${dir.path}:/tmp`], root, "true"),
        plainIn([...mode, `--volume=${dir.path}:/tmp:ro`], root, "true"),
        plainIn(mode, root, "/bin/true"),
        plainIn(mode, root, "sh", "-c", "exit 3"),
        [program, "run", "--quiet", `--rootfs=${root}`, ...mode, "true"],
        [program, "run", "-q", ...mode, "--", "true", "--uts=host"],
      ]
    ) {
      const options = { cwd: REPOSITORY };
      assertEquals(await hasRuntime(run, options), false, run.join(" "));
    }
    assertEquals(
      await hasRuntime(plainIn(mode, root, "cat"), { stdin: "piped" }),
      false,
      "standard input is a pipe",
    );
    const before = toFiles(dir, '< "$0"/in > "$0"/out 2>&1');
    const copying = plainIn(mode, root, "cat");
    assertEquals(await hasRuntime(copying, { before }), false, "files");
    assertEquals(await Deno.readTextFile(`${dir.path}/out`), "words\n");
  }
}, { skip });

/** How a run is started, and flags in front of the others. */
type Unusual = Parameters<typeof hasRuntime>[1] & { flags?: string[] };

test("plain run: Deno takes over everything unusual", async () => {
  // Missing mountpoints are made in it, and stay.
  await using own = new TempDir();
  const root = await copyRootfs(own.path);
  await using dir = new TempDir();
  const bare = await copyRootfs(dir.path);
  await Deno.remove(`${bare}/etc/hosts`);
  const source = await Deno.realPath(dir.path);
  await Deno.symlink(source, `${source}/link`);
  await Deno.mkdir(`${source}/a:b`);
  const volumes = [
    [`${source}/none:/tmp`],
    [`${source}/link:/tmp`],
    [`${source}/.:/tmp`],
    [`${source}/a:b:/tmp`],
    ["/proc/self/cwd:/tmp"],
    ["/etc/passwd:/tmp"],
    ["./relative:/tmp"],
    [`${source}:/tmp:rw`],
    [`${source}:/tmp:ro,nosuid`],
    [`${source}:/tmp:ro:ro`],
    [`${source}:tmp`],
    [`${source}:/`],
    [`${source}:/tmp/`],
    [`${source}:/tmp/below`],
    ...["/proc", "/dev", "/sys", "/etc"].map((path) => [`${source}:${path}`]),
    [source],
    // What it shows is covered by mounts of the container.
    [`${await Deno.realPath(root)}:/tmp`],
    [`${await Deno.realPath(root)}/etc:/tmp`],
    [`${source}:/tmp`, `${source}:/root`],
  ].map((all) => all.flatMap((one) => ["-v", one]));
  const cases: [string, string[], Unusual?][] = [
    ["a flag", [program, "run", "-q", "--no-init", "-u", "0", "true"]],
    ["a directory that is missing", plain(root, "true"), {
      flags: ["-w", "/nowhere"],
    }],
    ["a relative directory", plain(root, "true"), { flags: ["-w", "tmp"] }],
    ["a directory by a detour", plain(root, "true"), {
      flags: ["-w", "/tmp/../tmp"],
    }],
    ...volumes.map((flags): [string, string[], Unusual] => [
      flags.join(" "),
      plain(root, "true"),
      { flags },
    ]),
    ["a variable of the caller", plain(root, "true"), {
      flags: ["-e", "HOME"],
    }],
    ["another PATH", plain(root, "true"), { flags: ["-e", "PATH=/bin"] }],
    // Object.entries() of JavaScript puts it first.
    ["a number as name", plain(root, "true"), { flags: ["--env", "1=2"] }],
    ["many variables", plain(root, "true"), {
      flags: Array.from({ length: 65 }, (_, index) => `--env=A${index}=`),
    }],
    ["the host's network", plain(root, "true"), {
      flags: ["--network", "host"],
    }],
    ["no command", plain(root)],
    ["a missing command", plain(root, "nosuchcommand")],
    ["no file to mount on", plain(bare, "true")],
    ["the host's tree", plain("/", "true")],
    ["the host's tree by another path", plain("/usr/..", "true")],
    ["where we are", ["env", "-C", root, ...plain(".", "true")]],
    ["an empty root", plain("empty", "true")],
    ["a missing root", plain(`${dir.path}/none`, "true")],
    ["a file", plain(program, "true")],
    ["a terminal", [
      "script",
      "-qec",
      shellLine(plain(root, "true")),
      "/dev/null",
    ], {
      env: { SHELL: "/bin/sh" },
    }],
    ["few descriptors", plain(root, "true"), {
      before: ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"],
    }],
    ["a directory", plain(root, "true"), {
      before: ["sh", "-c", 'exec "$@" < /', "sh"],
    }],
    ["another device", plain(root, "true"), {
      before: ["sh", "-c", 'exec "$@" < /dev/zero', "sh"],
    }],
    ["a closed stream", plain(root, "true"), {
      before: ["sh", "-c", 'exec "$@" <&-', "sh"],
    }],
    ["fewer capabilities", plain(root, "true"), {
      before: ["setpriv", "--bounding-set=-net_raw"],
    }],
    ["a user namespace", plain(root, "true"), {
      before: ["unshare", "--user", "--map-root-user"],
    }],
    ["a kernel before that of the filter", plain(root, "true"), {
      inject: "mount_setattr:error=ENOSYS:when=1",
    }],
    ["another user", plain(root, "true"), {
      inject: "getuid:retval=1:when=1",
    }],
    ["another effective user", plain(root, "true"), {
      inject: "geteuid:retval=1:when=1",
    }],
    [
      "long words",
      plain(
        root,
        "true",
        ..."x".repeat(9).split("")
          .map((letter) => letter.repeat(9_000)),
      ),
    ],
  ];
  for (const [name, words, { flags = [], ...options } = {}] of cases) {
    const run = words.toSpliced(2, 0, ...flags);
    assertEquals(await hasRuntime(run, options), true, name);
    const other = run.filter((word) => word !== "--no-init");
    assertEquals(await hasRuntime(other, options), true, `${name}, init`);
  }
}, { skip });

test("plain run: Deno makes a place for a volume, once", async () => {
  await using dir = new TempDir();
  const root = await copyRootfs(dir.path);
  for (const [index, mode] of MODES.entries()) {
    const volume = `${await Deno.realPath("/etc")}:/place${index}`;
    const run = plainIn([...mode, "-v", volume], root, "true");
    assertEquals(await hasRuntime(run), true);
    assertEquals(await hasRuntime(run), false);
  }
}, { skip });

test("plain run: records of living commands do not start Deno", async () => {
  const root = rootfs();
  const limited = [program, "run", "-q", "-m", "64m", "--rootfs", root];
  const command = ["sh", "-c", "echo up; exec sleep 1000"];
  await using living = new Session([...limited, ...command]);
  await living.expect(/up\n/);
  const { records: [record] } = recordsOf(living.pid);
  const name = record!.path.split("/").at(-1)!;
  for (const mode of MODES) {
    const run = plainIn(mode, root, "true");
    assertEquals(await hasRuntime(run), false, "a living command");
  }
  // Another process has the number now, and nothing is known of a third.
  const [id, pid, time] = name.split(".");
  for (
    const stale of [
      `${id}.${pid}.${Number(time) + 1}`,
      `.${id}.${pid}.${Number(time) + 1}`,
      `.${id}.${pid}`,
      `.${id}`,
    ]
  ) {
    const path = `${undoDirectory()}/${stale}`;
    await Deno.writeTextFile(path, `{"owner":{"boot":""},"undos":[]}`);
    const run = plainIn([], root, "true");
    assertEquals(await hasRuntime(run), true, stale);
    assertEquals(namesIn(undoDirectory()).includes(stale), false, stale);
  }
  living.kill("SIGKILL");
  await living.end();
  assertEquals(await hasRuntime(plainIn([], root, "true")), true, "a dead one");
  assertEquals(namesIn(undoDirectory()).includes(name), false);
  assertEquals(await hasRuntime(plainIn([], root, "true")), false, "swept");
}, { skip });

test(
  "texts that are known at build time are printed without Deno",
  async () => {
    for (
      const words of [[], ["--version"], ["help"], ["run", "-h"], [
        "help",
        "run",
      ]]
    ) {
      const line = [program, ...words];
      const known = await execute(line);
      assertEquals(known, await execute([program, "--debug", ...words]));
      assertEquals(await hasRuntime(line), false, words.join(" "));
    }
    for (
      const words of [["version", "x"], ["run", "-q", "-h"], ["help", "x"]]
    ) {
      const line = [program, ...words];
      assertEquals(await hasRuntime(line), true, words.join(" "));
    }
    const full = ["sh", "-c", 'exec "$@" > /dev/full', "sh"];
    const { status, stderr } = await execute([...full, program, "--version"]);
    assertEquals(status, 125);
    assertEquals(
      stderr,
      "container: Cannot write to standard output: no space left on device (ENOSPC)\n",
    );
  },
  { skip },
);

test(
  "plain run: the carried root filesystem needs no Deno once it is unpacked",
  async () => {
    await using dir = new TempDir();
    const home = `${dir.path}/home`;
    const cache = `${home}/.cache/container`;
    const here = `${dir.path}/empty`;
    await Deno.mkdir(here);
    for (const [index, mode] of MODES.entries()) {
      const run = [program, "run", "-q", ...mode, "echo", "hi"];
      const at = (env: Record<string, string> = {}) => ({
        cwd: here,
        env: { XDG_CACHE_HOME: `${home}/.cache`, HOME: "/nowhere", ...env },
      });
      const starts = (env?: Record<string, string>) => hasRuntime(run, at(env));
      assertEquals(await starts(), index === 0, "the first run unpacks it");
      for (const named of [`${home}/.cache`, "", "relative"]) {
        const env = { XDG_CACHE_HOME: named, HOME: home };
        assertEquals(await starts(env), false, JSON.stringify(env));
      }
      const { stdout, stderr } = await execute(run, at());
      assertEquals([stdout, stderr], ["hi\n", ""]);
      const other = `${dir.path}/other`;
      const changes: [string, () => Promise<void>, () => Promise<void>][] = [
        [
          "others can write to it",
          () => Deno.chmod(cache, 0o720),
          () => Deno.chmod(cache, 0o700),
        ],
        [
          "another user's",
          () => Deno.chown(cache, 1, 0),
          () => Deno.chown(cache, 0, 0),
        ],
        [
          "a link",
          () =>
            Deno.rename(cache, other).then(() => Deno.symlink(other, cache)),
          () => Deno.remove(cache).then(() => Deno.rename(other, cache)),
        ],
      ];
      for (const [name, change, back] of changes) {
        await change();
        assertEquals(await starts(), true, name);
        await back();
        assertEquals(await starts(), false, `not ${name}`);
      }
      const [tree] = namesIn(cache);
      await Deno.remove(`${cache}/${tree}/rootfs/bin/busybox`);
      assertEquals(await starts(), true, "a damaged tree is replaced");
      assertEquals(await starts(), false);
      // ./fs comes first, whatever it is.
      await Deno.symlink(rootfs(), `${here}/fs`);
      assertEquals(await starts({ HOME: "", XDG_CACHE_HOME: "/none" }), false);
      await Deno.remove(`${here}/fs`);
      await Deno.mkdir(`${here}/fs`);
      assertEquals(await starts(), true, "an unfit ./fs");
      await Deno.remove(`${here}/fs`, { recursive: true });
    }
  },
  { skip },
);
