/** Refusals: one clear line that says how to fix the problem. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { assertRefused } from "../_refused.ts";
import { makeStaticElf } from "../../rootfs/_elf_fixture.ts";
// @ts-types="../../types/std_path.d.ts"
import { toFileUrl } from "@std/path";
import {
  COMPILED,
  container,
  copyRootfs,
  execute,
  type Mode,
  type Options,
  REPOSITORY,
  type Result,
  run,
  TempDir,
  test,
  testBoth,
  without,
} from "../_harness.ts";

/**
 * Runs a file that is put into a copy of the root filesystem, by `container run
 * -q`.
 */
async function runWithFile(
  { flags }: Mode,
  content: string | Uint8Array,
  { mode = 0o755, name = "bin/thing" } = {},
  options: Options = {},
): Promise<Result> {
  await using dir = new TempDir();
  const path = await copyRootfs(dir.path);
  const bytes = typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
  await Deno.writeFile(`${path}/${name}`, bytes);
  await Deno.chmod(`${path}/${name}`, mode);
  return await container(
    ["run", ...flags, "--rootfs", path, "-q", `/${name}`, "x"],
    options,
  );
}

for (
  const [call, step, since] of [
    ["clone3", "create a process", "5\\.3"],
    ["close_range", "close all descriptors", "5\\.9"],
    ["mount_setattr", "set MOUNT_ATTR_NOSUID", "5\\.12"],
    ["memfd_create", "call memfd_create", null],
  ] as const
) {
  test(
    `run on a kernel without ${call} names the call and the kernel that has it`,
    async () => {
      const result = await run(["true"], {
        before: [
          "strace",
          "-f",
          "-o",
          "/dev/null",
          "-e",
          `inject=${call}:error=ENOSYS`,
        ],
      });
      assertRefused(
        result,
        125,
        new RegExp(
          `Cannot ${step}.*does not support ${call}.*${
            since ? `Linux ${since}.*` : ""
          }5\\.12`,
        ),
      );
    },
    { skip: without("strace") },
  );
}

for (
  const [what, change, words] of [
    [
      "another system than Linux",
      `Object.defineProperty(Deno, "build", { value: { ...Deno.build, os: "darwin" } });`,
      /^container: Cannot run on darwin: .*\. Use a physical or virtual machine with Linux/,
    ],
    [
      "another libc than glibc",
      `Object.defineProperty(Deno, "dlopen", { value: () => { throw new TypeError("no such file"); } });`,
      /^container: Cannot load libc\.so\.6: .*glibc.*\. Use a distribution with glibc/,
    ],
  ] as const
) {
  test(`run and explain refuse ${what}`, async () => {
    await using dir = new TempDir();
    const main = `${dir.path}/main.ts`;
    const program = toFileUrl(`${REPOSITORY}/main.ts`);
    await Deno.writeTextFile(main, `${change}\nawait import("${program}");\n`);
    for (const command of [["run"], ["explain", "run"]]) {
      const result = await execute([
        Deno.execPath(),
        ...["run", "-A", "--quiet", `--config=${REPOSITORY}/deno.json`, main],
        ...command,
        ...["--rootfs", "/", "true"],
      ]);
      assertRefused(result, 125, words);
    }
  }, { skip: COMPILED ? "only the source can be told so" : null });
}

test("run without a root filesystem names the task that makes one", async () => {
  await using dir = new TempDir();
  const missing = await container(
    ["run", "-q", "--rootfs", "nowhere", "true"],
    {
      cwd: dir.path,
    },
  );
  assertRefused(missing, 125, /nowhere: no such directory.*deno task rootfs/);
});

test("run from source without ./fs names the task that makes one", async () => {
  await using dir = new TempDir();
  const result = await container(["run", "-q", "true"], { cwd: dir.path });
  assertRefused(result, 125, /\.\/fs: no such directory.*deno task rootfs/);
}, {
  skip: Deno.env.get("CONTAINER_BIN")
    ? "a compiled program may carry its own"
    : null,
});

test("run refuses a file as root filesystem", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "");
  for (const path of ["file", "file/below"]) {
    const result = await container(["run", "-q", "--rootfs", path, "true"], {
      cwd: dir.path,
    });
    assertRefused(
      result,
      125,
      new RegExp(`${path}.*(not|neither) a directory.*--rootfs`),
    );
  }
});

test("run refuses a link that leads nowhere or in a circle as root filesystem", async () => {
  await using dir = new TempDir();
  await Deno.symlink("nowhere", `${dir.path}/dangling`);
  await Deno.symlink("circle", `${dir.path}/circle`);
  const at = (path: string) =>
    container(["run", "-q", "--rootfs", path, "true"], { cwd: dir.path });
  assertRefused(await at("dangling"), 125, /dangling: no such directory/);
  assertRefused(await at("circle"), 125, /circle: .*symbolic links/);
});

test("run without a command asks for one", async () => {
  for (const args of [["run"], ["run", "-q"], ["run", "--"], ["run", ""]]) {
    const result = await container(args);
    assertRefused(result, 125, /No command.*container run \/bin\/sh/);
  }
});

testBoth(
  "run names the directories in which a command was not found",
  async (mode) => {
    assertRefused(
      await mode.run(["no-such-command"]),
      127,
      /no-such-command: not found in \/bin:\/sbin:\/usr\/bin:\/usr\/sbin/,
    );
    assertRefused(
      await mode.run(["/bin/no-such-command"]),
      127,
      /\/bin\/no-such-command: no such file in the root filesystem/,
    );
  },
);

testBoth("run refuses a directory as command", async (mode) => {
  assertRefused(await mode.run(["/bin"]), 126, /\/bin: it is a directory/);
  assertRefused(await mode.run(["/"]), 126, /\/: it is a directory/);
});

testBoth("run names chmod if the command is not executable", async (mode) => {
  const result = await runWithFile(mode, "#!/bin/sh\n", { mode: 0o644 });
  assertRefused(result, 126, /\/bin\/thing: it is not executable.*chmod \+x/);
});

testBoth("run refuses a command that is not a program", async (mode) => {
  const result = await runWithFile(mode, "just text\n");
  assertRefused(result, 126, /exec format error \(ENOEXEC\).*#!/);
  assertRefused(
    await runWithFile(mode, ""),
    126,
    /exec format error \(ENOEXEC\)/,
  );
});

testBoth(
  "run names both architectures if the command is for another one",
  async (mode) => {
    const machine = Deno.build.arch === "x86_64" ? "aarch64" : "x86_64";
    const elf = makeStaticElf();
    // e_machine, as in elf.h.
    new DataView(elf.buffer).setUint16(
      18,
      machine === "aarch64" ? 183 : 62,
      true,
    );
    const result = await runWithFile(mode, elf);
    assertRefused(
      result,
      126,
      new RegExp(`another architecture, ${machine}.*${Deno.build.arch}`),
    );
  },
);

testBoth("run names the missing loader of a command", async (mode) => {
  const result = await runWithFile(mode, await Deno.readFile(Deno.execPath()));
  assertRefused(result, 127, /its loader \/lib\S+ is not in the root/);
});

testBoth("run names the missing interpreter of a script", async (mode) => {
  const result = await runWithFile(mode, "#!/usr/bin/no-such-perl -w\n");
  assertRefused(result, 127, /its interpreter \/usr\/bin\/no-such-perl is not/);
  assertRefused(
    await runWithFile(mode, "#!\n"),
    126,
    /exec format error \(ENOEXEC\), the first line of the script does not name/,
  );
});

testBoth("run starts a script with an existing interpreter", async (mode) => {
  const result = await runWithFile(mode, "#!/bin/sh\necho script $1\n");
  assertEquals([result.status, result.stdout], [0, "script x\n"]);
});

testBoth(
  "run names --workdir if the working directory is missing or a file",
  async (mode) => {
    assertRefused(await mode.run(["-w", "/nowhere", "true"]), 125, /--workdir/);
    assertRefused(
      await mode.run(["-w", "/bin/busybox", "true"]),
      125,
      /--workdir/,
    );
    assertRefused(
      await mode.run(["-w", "relative", "true"]),
      125,
      /not absolute/,
    );
  },
);

testBoth(
  "run refuses a hostname that is too long for the kernel and names the limit",
  async (mode) => {
    const result = await mode.run(["--hostname", "x".repeat(65), "true"]);
    assertRefused(result, 125, /1 to 64 bytes/);
    assertRefused(
      await mode.run(["--hostname", "", "true"]),
      125,
      /1 to 64 bytes/,
    );
    assertRefused(
      await mode.run(["--hostname", "ü".repeat(33), "true"]),
      125,
      /1 to 64 bytes/,
    );
  },
);

testBoth("run accepts a hostname of 64 bytes", async (mode) => {
  const name = "x".repeat(64);
  const { stdout } = await mode.run(["--hostname", name, "hostname"]);
  assertEquals(stdout, `${name}\n`);
});

test("run names the nearest flag to an unknown one", async () => {
  assertRefused(
    await container(["run", "--hostnme", "x", "true"]),
    125,
    /--hostnme.*Did you mean --hostname\?/,
  );
  assertRefused(
    await container(["run", "--rotfs=x", "true"]),
    125,
    /Unknown flag --rotfs\..*--rootfs/,
  );
  assertRefused(await container(["run", "-z", "true"]), 125, /Unknown flag -z/);
});

test("run says what a flag without a value needs", async () => {
  assertRefused(
    await container(["run", "--rootfs"]),
    125,
    /--rootfs needs a value: --rootfs DIR/,
  );
  assertRefused(
    await container(["run", "-e"]),
    125,
    /-e needs a value: -e K=V/,
  );
});

test("run explains how to write a variable without a name", async () => {
  assertRefused(await run(["-e", "=x", "true"]), 125, /NAME=VALUE/);
});

testBoth(
  "run refuses arguments that are too long for the kernel",
  async (mode) => {
    // A word may have 128 kB; the caller passes several in one word.
    const result = await mode.run(["sh", "-c", "exit 0", "x".repeat(100_000)], {
      env: { LONG: "y".repeat(100_000) },
    });
    assertEquals(result.status, 0);
    const environment = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`LONG${i}`, "y".repeat(90_000)]),
    );
    const flags = Object.keys(environment).flatMap((name) => ["-e", name]);
    const tooLong = await mode.run(
      ["-e", `A=${"z".repeat(60_000)}`, ...flags, ...flags, "true"],
      {
        env: Object.fromEntries(
          Object.keys(environment).slice(0, 15).map((
            name,
          ) => [name, environment[name]!]),
        ),
      },
    );
    assertEquals(tooLong.stdout, "");
  },
);

test("container refuses `child` on the command line", async () => {
  assertRefused(await container(["child", "sh"]), 125, /container run/);
});

test("--debug adds a stack trace to the line", async () => {
  const { status, stderr } = await container(
    ["run", "--debug", "-q", "--rootfs", "/nowhere", "true"],
  );
  assertEquals(status, 125);
  assertMatch(stderr, /^container: Cannot use.*\n[\s\S]*\n +at /);
});

testBoth(
  "run shows no stack trace if only the command's own words contain --debug",
  async (mode) => {
    const result = await mode.run(["no-such-command", "--debug"]);
    assertRefused(result, 127, /not found/);
  },
);

test("--debug also adds a stack trace to the child's errors", async () => {
  const { status, stderr } = await run(["--debug", "no-such-command"]);
  assertEquals(status, 127);
  assertMatch(stderr, /^container: Cannot run.*\n[\s\S]*\n +at /);
});
