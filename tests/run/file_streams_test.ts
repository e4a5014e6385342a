/**
 * Standard streams that are files of the host: the command gets pipes instead,
 * and only the bytes of the files.
 */

// @ts-types="../../types/std_assert.d.ts"
import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { ATTACK, attackFrom, inShell, inSmall } from "../_file_streams.ts";
import { descendants, readProcess } from "../_host.ts";
import {
  CONTAINER,
  container,
  execute,
  INIT,
  type Mode,
  NO_INIT,
  Nobody,
  rootfs,
  runWords,
  shellLine,
  startTerminal,
  TempDir,
  test,
  testBoth,
  until,
  without,
} from "../_harness.ts";
import { Session } from "../_session.ts";

testBoth(
  "run keeps root inside from writing to, truncating or making setuid a standard stream's file",
  (mode) => attackFrom(mode.runWords("-q", "sh", "-c", ATTACK)),
);

testBoth(
  "run without root, and with another flag, protects a standard stream's file",
  async (mode) => {
    await attackFrom(mode.runWords("-q", "-w", "/tmp", "sh", "-c", ATTACK));
    await using nobody = await Nobody.make();
    await attackFrom(
      mode.runWords("-q", "--rootfs", "/", "sh", "-c", ATTACK),
      nobody,
    );
  },
  { skip: without("setpriv") },
);

testBoth(
  "run reports a full disk, closes the pipe and fails",
  async (mode) => {
    await using dir = new TempDir();
    for (const flags of [[], ["-u", "0"]]) {
      // More than fits in the pipe, so the command notices the error.
      const endless = await inSmall(
        dir,
        mode.runWords("-q", ...flags, "sh", "-c", "yes; echo status $? >&2"),
      );
      assertMatch(endless.stderr, /^(yes: .*Broken pipe\n)?status (141|1)\n/m);
      // The command sees no error, but the caller must not rely on the file.
      const short = await inSmall(
        dir,
        mode.runWords(
          "-q",
          ...flags,
          "sh",
          "-c",
          "yes | head -c 400000; sleep 0.2",
        ),
      );
      for (const { status, stderr } of [endless, short]) {
        assertEquals(status, 125, stderr);
        assertMatch(
          stderr,
          /^container: Cannot write standard output for the command: no space left on device \(ENOSPC\)\. The rest of the output is lost\.$/m,
        );
      }
      const own = await inSmall(
        dir,
        mode.runWords(
          "-q",
          ...flags,
          "sh",
          "-c",
          "yes | head -c 200000; sleep 0.2; exit 7",
        ),
      );
      assertEquals(own.status, 7);
      const large = await inShell(
        dir,
        `ulimit -f 300; ${
          shellLine(
            mode.runWords(
              "-q",
              ...flags,
              "sh",
              "-c",
              "yes | head -c 400000; sleep 0.2",
            ),
          )
        } > large`,
      );
      assertEquals(large.status, 125);
      assertStringIncludes(large.stderr, "file too large (EFBIG)");
    }
  },
);

testBoth(
  "run ends only after all output is in its file",
  async (mode) => {
    await using dir = new TempDir();
    for (const flags of [[], ["-u", "0"]]) {
      const { status, stdout } = await inShell(
        dir,
        `${
          shellLine(
            mode.runWords(
              ...["-q", ...flags, "sh", "-c"],
              "dd if=/dev/zero bs=1M count=24 2>/dev/null; echo e >&2; exit 3",
            ),
          )
        } > out 2> err; echo $?; wc -c < out; wc -c < err`,
      );
      assertEquals([status, stdout], [0, "3\n25165824\n2\n"]);
    }
  },
);

testBoth(
  "run keeps the order of output and errors in one file",
  async (mode) => {
    await using dir = new TempDir();
    const script = "for i in $(seq 300); do echo o$i; echo e$i >&2; done";
    const lines = Array.from(
      { length: 300 },
      (_, i) => `o${i + 1}\ne${i + 1}\n`,
    );
    for (const flags of [[], ["-u", "0"]]) {
      const words = shellLine(
        mode.runWords("-q", ...flags, "sh", "-c", script),
      );
      await inShell(dir, `${words} > out 2>&1`);
      assertEquals(await Deno.readTextFile(`${dir.path}/out`), lines.join(""));
      // Two files have separate pipes.
      await inShell(dir, `${words} > out 2> err`);
      assertEquals(
        await Deno.readTextFile(`${dir.path}/err`),
        lines.join("").replaceAll(/o\d+\n/g, ""),
      );
    }
  },
);

testBoth(
  "run leaves input that the command does not read to the next command",
  async (mode) => {
    await using dir = new TempDir();
    await Deno.writeTextFile(`${dir.path}/list`, "a\nb\nc\n");
    // Longer than the pipe and the relay can hold.
    const large = "x".repeat(1023) + "\n";
    await Deno.writeTextFile(`${dir.path}/large`, large.repeat(5000));
    for (const flags of [[], ["-u", "0"]]) {
      const words = (...command: string[]) =>
        shellLine(mode.runWords("-q", ...flags, ...command));
      const loop = `while read l; do ${words("echo")} $l; done < list`;
      assertEquals((await inShell(dir, loop)).stdout, "a\nb\nc\n");
      const { stdout } = await inShell(
        dir,
        `{ ${
          words("dd", "bs=1024", "count=3", "of=/dev/null")
        } 2>/dev/null; cat | wc -c; } < large`,
      );
      assertEquals(Number(stdout), 4997 * 1024);
      const all = await inShell(dir, `${words("wc", "-c")} < large`);
      assertEquals(Number(all.stdout), 5000 * 1024);
    }
  },
);

testBoth(
  "run refuses directories and devices of the host as standard streams",
  async (mode) => {
    await using dir = new TempDir();
    for (const flags of [[], ["-u", "0"]]) {
      const words = shellLine(
        mode.runWords(
          "-q",
          ...flags,
          "-v",
          `${dir.path}:/mnt`,
          "touch",
          "/mnt/ran",
        ),
      );
      for (
        const [redirection, message] of [
          [
            "< /",
            "Cannot pass standard input: it is a directory of the host.",
          ],
          [
            "1< /tmp",
            "Cannot pass standard output: it is a directory of the host.",
          ],
          [
            "< /dev/kmsg",
            "Cannot pass standard input: it is a device (character 1:11) of the host.",
          ],
        ]
      ) {
        const { status, stderr } = await inShell(
          dir,
          `${words} ${redirection}`,
        );
        assertEquals(status, 125);
        assertStringIncludes(stderr, message!);
      }
    }
    assertEquals(await Array.fromAsync(Deno.readDir(dir.path)), []);
  },
);

testBoth(
  "run replaces default devices as standard streams by the container's",
  async (mode) => {
    await using dir = new TempDir();
    // The device number, and the file system that the node is on.
    const look = "stat -L -c '%t:%T %d:%i'";
    const script =
      `${look} /proc/self/fd/0 /proc/self/fd/2; head -c 4 <&0 | wc -c`;
    const words = shellLine(mode.runWords("-q", "sh", "-c", script));
    for (
      const [input, errors] of [["zero", "full"], ["random", "urandom"]]
    ) {
      const devices = `/dev/${input} /dev/${errors}`;
      const host = await execute(["sh", "-c", `${look} ${devices}`]);
      const { status, stdout } = await inShell(
        dir,
        `${words} < /dev/${input} 2> /dev/${errors}`,
      );
      const [one, two, count] = stdout.split("\n");
      const [ours, theirs] = host.stdout.split("\n");
      assertEquals([status, count], [0, "4"], stdout);
      for (const [inside, outside] of [[one, ours], [two, theirs]]) {
        const [kind, node] = inside!.split(" ");
        assertEquals(kind, outside!.split(" ")[0]);
        assertNotEquals(node, outside!.split(" ")[1]);
      }
    }
    // The device number of the caller's terminal.
    await using terminal = startTerminal(
      `${
        shellLine(mode.runWords("-qT", "sh", "-c", `${look} /proc/self/fd/0`))
      } < /dev/tty`,
    );
    assertEquals(await terminal.end(), 0, terminal.output);
    assertMatch(terminal.output, /^5:0 /m);
  },
  { skip: without("script") },
);

testBoth(
  "--streams inherit passes files on unchanged",
  async (mode) => {
    await using dir = new TempDir();
    await Deno.writeTextFile(`${dir.path}/in`, "a\n");
    const words = shellLine(
      mode.runWords(
        "-q",
        "--streams",
        "inherit",
        "readlink",
        "/proc/self/fd/0",
      ),
    );
    const { stdout } = await inShell(dir, `${words} < in; ${words} < /`);
    assertEquals(stdout, `${dir.path}/in\n/\n`);
    const wrong = await mode.run(["--streams", "copy", "true"]);
    assertEquals([wrong.status, wrong.stderr], [
      125,
      "container: --streams copy: unknown mode. Use relay or inherit.\n",
    ]);
  },
);

test("the command's user can reopen a file at /dev/stdout", async () => {
  await using dir = new TempDir();
  const words = shellLine(
    runWords(
      "-q",
      "-u",
      "1000",
      "sh",
      "-c",
      "echo a > /dev/stdout; echo b > /dev/stderr",
    ),
  );
  const { status } = await inShell(dir, `${words} > out 2>&1`);
  assertEquals([status, await Deno.readTextFile(`${dir.path}/out`)], [
    0,
    "a\nb\n",
  ]);
});

test("explain names the pipes and their reasons", async () => {
  await using dir = new TempDir();
  const words = shellLine([
    ...[...CONTAINER, "explain", "--all", "run", "--rootfs", rootfs(), "true"],
  ]);
  await inShell(dir, `${words} < /etc/passwd > out 2>&1`);
  const text = (await Deno.readTextFile(`${dir.path}/out`)).replaceAll(
    /\s+/g,
    " ",
  );
  assertStringIncludes(
    text,
    "write to a pipe that is the command's standard input",
  );
  assertStringIncludes(
    text,
    "read from a pipe that is the command's standard output and standard error",
  );
  assertStringIncludes(text, "make it setuid");
});

for (const mode of [INIT, NO_INIT]) {
  test(`SIGKILL to the parent also ends the process that copies streams: ${mode.name}`, () =>
    killed(mode));
}

async function killed(mode: Mode): Promise<void> {
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/in`, "a\n");
  for (const flags of [[], ["-u", "0"]]) {
    const words = mode.runWords(
      "-q",
      ...flags,
      "sh",
      "-c",
      "echo up; sleep 1000",
    );
    await using session = new Session([
      "sh",
      "-c",
      `exec ${shellLine(words)} < ${dir.path}/in > ${dir.path}/out`,
    ]);
    await until(
      "it is up",
      async () =>
        await Deno.readTextFile(`${dir.path}/out`).catch(() => "") === "up\n",
    );
    const all = descendants(session.pid);
    session.kill("SIGKILL");
    assertEquals(await session.end(), 137);
    await until(
      "nothing is left",
      () =>
        all.every(({ pid, start }) => {
          const now = readProcess(pid);
          return now?.start !== start || now.state === "Z";
        }),
    );
    await Deno.remove(`${dir.path}/out`);
  }
}

test("run --help names --streams", async () => {
  const { stdout } = await container(["run", "--help"]);
  assertStringIncludes(stdout, "--streams inherit");
});
