/**
 * `run --seccomp learn`: which calls are recorded, where the profile goes, and
 * that it works.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { SeccompProfile } from "../../spec/seccomp.ts";
import {
  container,
  copyRootfs,
  execute,
  type Mode,
  Nobody,
  type Options,
  rootfs,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";
import { noInt80 } from "../_int80.ts";

const namesIn = (profile: SeccompProfile) =>
  profile.syscalls.flatMap(({ names }) => names);

const read = async (path: string): Promise<SeccompProfile> =>
  JSON.parse(await Deno.readTextFile(path));

/** A directory with a copy of the root filesystem, and the profile next to it. */
class Place implements AsyncDisposable {
  private constructor(
    readonly dir: TempDir,
    readonly rootfs: string,
    readonly options: Options,
    readonly nobody?: Nobody,
  ) {}

  static async make({ rootless = false } = {}): Promise<Place> {
    const dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    if (!rootless) return new Place(dir, rootfs, {});
    await execute(["chown", "-Rh", "65534:65534", dir.path]);
    const nobody = await Nobody.make();
    return new Place(dir, rootfs, nobody, nobody);
  }

  get profile(): string {
    return `${this.dir.path}/profile.json`;
  }

  run(mode: Mode, ...args: string[]) {
    return mode.run(["--rootfs", this.rootfs, ...args], this.options);
  }

  learn(mode: Mode, ...args: string[]) {
    return this.run(mode, "--seccomp", `learn=${this.profile}`, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nobody?.[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}

const SCRIPT = "ls -l / >/dev/null && echo hi > /tmp/x && cat /tmp/x";

for (const rootless of [false, true]) {
  testBoth(
    `--seccomp learn yields a profile that is sufficient, ${
      rootless ? "rootless" : "as root"
    }`,
    async (mode) => {
      await using place = await Place.make({ rootless });
      const command = ["sh", "-c", SCRIPT];
      const learned = await place.learn(mode, ...command);
      assertEquals(learned, { ...learned, status: 0, stdout: "hi\n" });
      assertEquals(learned.stderr, "");
      const profile = await read(place.profile);
      assertEquals(profile.defaultAction, "SCMP_ACT_ERRNO");
      const names = namesIn(profile);
      for (const name of ["execve", "getdents64", "write"]) {
        assert(names.includes(name), name);
      }
      const under = (...words: string[]) =>
        place.run(mode, "--seccomp", place.profile, ...words);
      const again = await under(...command);
      assertEquals([again.status, again.stdout, again.stderr], [0, "hi\n", ""]);
      const outside = await under("sh", "-c", "mkdir /tmp/d; echo $?");
      assertEquals(outside.stdout, "1\n");
      assertMatch(outside.stderr, /mkdir.*Operation not permitted/);
    },
    { skip: rootless ? without("setpriv") : null },
  );
}

testBoth(
  "--seccomp learn prints the profile on standard error, after the command's errors",
  async (mode) => {
    await using place = await Place.make();
    const { status, stdout, stderr } = await place.run(
      ...[mode, "--seccomp", "learn"] as const,
      ...["sh", "-c", "echo out; echo err >&2; exit 3"],
    );
    assertEquals([status, stdout], [3, "out\n"]);
    assert(stderr.startsWith("err\n{"), stderr);
    assert(namesIn(JSON.parse(stderr.slice(4))).includes("execve"));
  },
);

testBoth(
  "--seccomp learn records the calls of flags that change how a command starts",
  async (mode) => {
    await using place = await Place.make();
    const ways = [
      ["--no-new-privs=false"],
      ["--privileged"],
      ["--ulimit", "nofile=6"],
      ["--no-new-privs=false", "--ulimit", "nofile=10"],
      ["--pid", "host"],
      ["-t"],
      ["-u", "nobody", "--cap-drop", "ALL"],
      ["--userns"],
    ];
    for (const flags of ways) {
      const { status, stdout, stderr } = await place.learn(
        mode,
        ...flags,
        ...["sh", "-c", "echo hi"],
      );
      const what = `${flags}: ${stderr}`;
      assertEquals([status, stdout.trimEnd()], [0, "hi"], what);
      const again = await place.run(
        mode,
        ...["--seccomp", place.profile, ...flags, "sh", "-c", "echo hi"],
      );
      assertEquals([again.status, again.stdout.trimEnd()], [0, "hi"], what);
    }
  },
);

testBoth(
  "--seccomp learn keeps the descriptors of --preserve-fd",
  async (mode) => {
    await using place = await Place.make();
    const words = mode.runWords(
      "-q",
      ...["--rootfs", place.rootfs, "--preserve-fd", "3"],
      ...["--seccomp", `learn=${place.profile}`],
      ...["sh", "-c", "echo three >&3; echo five >&5; ls /proc/self/fd"],
    );
    const { status, stdout, stderr } = await execute([
      ...["sh", "-c", '"$@" 3>&1 4>&1 5>&1', "sh"],
      ...words,
    ]);
    assertEquals([status, stderr], [0, ""]);
    // The last one is the directory that ls reads.
    assertEquals(stdout, "three\nfive\n0\n1\n2\n3\n4\n5\n6\n");
  },
);

const noCompiler = without("gcc");

/** Compiles tests/_calls.c into a root filesystem. */
async function compile(into: string, ...flags: string[]): Promise<void> {
  const source = new URL("../_calls.c", import.meta.url).pathname;
  const { status, stderr } = await execute(
    ["gcc", "-pthread", "-w", ...flags, "-o", into, source],
  );
  assertEquals([status, stderr], [0, ""]);
}

testBoth(
  "--seccomp learn records threads, children and orphans, static and dynamic, killed or not",
  async (mode) => {
    await using place = await Place.make();
    for (const flags of [["-static"], []]) {
      await compile(`${place.dir.path}/calls`, ...flags);
      for (const [args, status] of [[[], 7], [["die"], 132]] as const) {
        const command = [
          ...["--rootfs", "/", "-v", `${place.dir.path}:/mnt`],
          ...["/mnt/calls", ...args],
        ];
        const learned = await place.learn(mode, ...command);
        assertEquals(
          [learned.status, learned.stdout, learned.stderr],
          [status, "heard\n", ""],
        );
        const names = namesIn(await read(place.profile));
        for (
          const name of [
            "getpriority",
            "sched_getscheduler",
            "sched_get_priority_max",
            "sched_get_priority_min",
          ]
        ) assert(names.includes(name), name);
        assertEquals(names.includes("mmap"), true);
        const again = await place.run(
          mode,
          ...["--seccomp", place.profile, ...command],
        );
        assertEquals([again.status, again.stdout], [status, "heard\n"]);
      }
    }
  },
  { skip: noCompiler },
);

testBoth("--seccomp learn warns that it refuses nothing", async (mode) => {
  const words = [...mode.flags, "--rootfs", rootfs(), "--seccomp", "learn"];
  const said = "no seccomp filter: --seccomp learn allows all system calls";
  const { stderr } = await container(["run", ...words, "true"]);
  assertMatch(stderr, new RegExp(`^container: ${said}$`, "m"));
  const { stdout } = await container([
    "explain",
    "--all",
    "run",
    ...words,
    "true",
  ]);
  assertMatch(stdout, new RegExp(`^note: +${said}$`, "m"));
  assertMatch(
    stdout,
    /^ +\d+\. send the descriptor for the filter's notifications to the parent$/m,
  );
});

testBoth(
  "--seccomp learn writes no profile for a command that cannot be started",
  async (mode) => {
    await using place = await Place.make();
    const missing = await place.learn(mode, "/no/such/program");
    assertEquals([missing.status, missing.stdout], [127, ""]);
    assertMatch(missing.stderr, /^container: Cannot run [^\n]+\n$/);
    assertEquals(
      (await Array.fromAsync(Deno.readDir(place.dir.path))).length,
      1,
    );
    await Deno.writeTextFile(place.profile, "the one before");
    await place.learn(mode, "/no/such/program");
    assertEquals(await Deno.readTextFile(place.profile), "the one before");
    await place.learn(mode, "true");
    assert(namesIn(await read(place.profile)).includes("execve"));
  },
);

testBoth(
  "--seccomp learn reports a file that cannot be written before the start",
  async (mode) => {
    await using place = await Place.make();
    for (
      const [file, status, message] of [
        ["", 125, /^container: --seccomp learn=: the file name is missing\./],
        ["/no/such/x", 125, /to \/no\/such\/x: no such directory\./],
        [place.dir.path, 125, /: it is a directory\./],
      ] as const
    ) {
      const result = await place.run(
        mode,
        ...["--seccomp", `learn=${file}`, "echo", "started"],
      );
      assertEquals([result.status, result.stdout], [status, ""], file);
      assertMatch(result.stderr, message);
      assertEquals(result.stderr.split("\n").length, 2, result.stderr);
    }
  },
);

testBoth(
  "--seccomp learn forwards signals, and records until the end that they cause",
  async (mode) => {
    await using place = await Place.make();
    await using session = mode.startRun(
      ...["--rootfs", place.rootfs, "--seccomp", `learn=${place.profile}`],
      "sh",
      "-c",
      "trap 'mkdir /tmp/late; exit 4' TERM; echo ready; while :; do :; done",
    );
    await session.expect(/ready/);
    session.kill("SIGTERM");
    assertEquals(await session.end(), 4);
    const names = namesIn(await read(place.profile));
    assert(names.includes("mkdir") || names.includes("mkdirat"));
  },
);

testBoth(
  "--seccomp learn records a 32-bit program, and names its architecture",
  async (mode) => {
    await using place = await Place.make();
    const source = `${place.dir.path}/old.c`;
    await Deno.writeTextFile(
      source,
      `static int call(int n, int a, int b, int c) {
         int r;
         __asm__ volatile("int $0x80" : "=a"(r) : "0"(n), "b"(a), "c"(b), "d"(c) : "memory");
         return r;
       }
       void _start(void) {
         call(199, 0, 0, 0); /* getuid32 */
         call(4, 1, (int)"old\\n", 4);
         call(1, 5, 0, 0);
       }`,
    );
    const { stderr } = await execute(
      ["gcc", "-m32", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-o"]
        .concat(`${place.rootfs}/old`, source),
    );
    assertEquals(stderr, "");
    const learned = await place.learn(mode, "/old");
    assertEquals([learned.status, learned.stdout], [5, "old\n"]);
    const profile = await read(place.profile);
    assertEquals(profile.architectures, [
      "SCMP_ARCH_X86",
      "SCMP_ARCH_X86_64",
    ]);
    assert(namesIn(profile).includes("getuid32"));
    const again = await place.run(mode, "--seccomp", place.profile, "/old");
    assertEquals([again.status, again.stdout], [5, "old\n"]);
  },
  { skip: noInt80 },
);
