/** Standard input, output and error of every kind. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import {
  CONTAINER,
  container,
  execute,
  NO_INIT,
  runWords,
  shellLine,
  startTerminal,
  TempDir,
  test,
  testBoth,
  without,
} from "../_harness.ts";

const NO_SCRIPT = without("script");

const INPUT = { terminal: "", pipe: "echo x |", "/dev/null": "</dev/null" };
const OUTPUT = { terminal: "", pipe: "pipe", "/dev/null": "/dev/null" };

for (const input of ["terminal", "pipe", "/dev/null"] as const) {
  for (const output of ["terminal", "pipe", "/dev/null"] as const) {
    for (const errors of ["terminal", "pipe", "/dev/null"] as const) {
      testBoth(
        `run works with input ${input}, output ${output}, errors ${errors}`,
        async (mode) => {
          // The status shows which of the three are terminals inside.
          const inside =
            "s=64; [ -t 0 ] && s=$((s + 1)); [ -t 1 ] && s=$((s + 2)); [ -t 2 ] && s=$((s + 4)); echo out; echo err >&2; exit $s";
          const words = shellLine(mode.runWords("-q", "sh", "-c", inside));
          await using dir = new TempDir();
          const files = { out: `${dir.path}/out`, err: `${dir.path}/err` };
          const redirect = (kind: keyof typeof OUTPUT, fd: 1 | 2) =>
            kind === "terminal"
              ? ""
              : kind === "pipe"
              ? `${fd}>${dir.path}/p${fd}`
              : `${fd}>/dev/null`;
          const start = input === "pipe" ? INPUT.pipe : "";
          const stdin = input === "/dev/null" ? INPUT[input] : "";
          const line = [
            `mkfifo ${dir.path}/p1 ${dir.path}/p2`,
            output === "pipe" ? `cat ${dir.path}/p1 > ${files.out} &` : "",
            errors === "pipe" ? `cat ${dir.path}/p2 > ${files.err} &` : "",
            `${start} ${words} ${stdin} ${redirect(output, 1)} ${
              redirect(errors, 2)
            }; status=$?; wait; exit $status`,
          ].join("\n");
          await using terminal = startTerminal(line);
          const expected = 64 + (input === "terminal" ? 1 : 0) +
            (output === "terminal" ? 2 : 0) + (errors === "terminal" ? 4 : 0);
          assertEquals(await terminal.end(), expected, terminal.output);
          assertEquals(terminal.output.includes("out"), output === "terminal");
          assertEquals(terminal.output.includes("err"), errors === "terminal");
          if (output === "pipe") {
            assertEquals(await Deno.readTextFile(files.out), "out\n");
          }
          if (errors === "pipe") {
            assertEquals(await Deno.readTextFile(files.err), "err\n");
          }
        },
        { skip: NO_SCRIPT },
      );
    }
  }
}

testBoth("run cat ends at the end of a pipe", async (mode) => {
  const { status, stdout, stderr } = await execute([
    "sh",
    "-c",
    `echo hi | ${shellLine(mode.runWords("-q", "cat"))}`,
  ]);
  assertEquals([status, stdout, stderr], [0, "hi\n", ""]);
});

testBoth("run keeps standard error and output apart", async (mode) => {
  const { stdout, stderr } = await mode.runShell("echo out; echo err >&2");
  assertEquals([stdout, stderr], ["out\n", "err\n"]);
});

testBoth("run passes 16 MB on unchanged in both directions", async (mode) => {
  const data = new Uint8Array(16 << 20);
  for (let i = 0; i < data.length; i += 65536) {
    crypto.getRandomValues(data.subarray(i, i + 65536));
  }
  const { status, bytes } = await mode.run(["cat"], { stdin: data });
  assertEquals([status, bytes.length], [0, data.length]);
  const digest = async (bytes: Uint8Array) =>
    new Uint8Array(
      await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>),
    ).toHex();
  assertEquals(await digest(bytes), await digest(data));
});

testBoth(
  "run does not block the writer if the command does not read its input",
  async (mode) => {
    const { status } = await mode.run(["true"], {
      stdin: new Uint8Array(1 << 20),
    });
    assertEquals(status, 0);
  },
);

testBoth(
  "run leaves the lines that the command does not read to the next command",
  async (mode) => {
    const { stdout } = await execute(
      [
        "sh",
        "-c",
        `${
          shellLine(mode.runWords("-q", "sh", "-c", "read a; echo first $a"))
        }; read b; echo then $b`,
      ],
      { stdin: "one\ntwo\n" },
    );
    assertEquals(stdout, "first one\nthen two\n");
  },
);

for (
  const [name, words] of [
    ["run yes", () => runWords("yes")],
    ["run -q yes", () => runWords("-q", "yes")],
    ["run --no-init -q yes", () => NO_INIT.runWords("-q", "yes")],
    ["--help", () => [...CONTAINER, "--help"]],
    ["explain", () => [...CONTAINER, "explain", "run", "sh"]],
  ] as const
) {
  test(`${name} with a closed reader ends without a stack trace`, async () => {
    for (const reader of ["head -n 1 >/dev/null", "true"]) {
      const { status, stderr } = await execute([
        "sh",
        "-c",
        `${shellLine(words())} | ${reader}`,
      ]);
      assertEquals(status, 0);
      // SIGPIPE does not end PID 1: with --no-init, yes itself reports the
      // error.
      const own = stderr.split("\n").filter((line) =>
        !line.startsWith("running [") &&
        !(name.includes("--no-init") && /^yes: .*Broken pipe$/.test(line))
      );
      assertEquals(own, [""]);
    }
  });
}

testBoth(
  "run works with a closed standard error",
  async (mode) => {
    const { status, stdout } = await execute([
      "sh",
      "-c",
      `{ ${
        shellLine(mode.runWords("echo", "hi"))
      } 2>&3; } 3>&1 1>/dev/null | true; ${
        shellLine(mode.runWords("echo", "hi"))
      } 2>&-`,
    ]);
    assertEquals([status, stdout], [0, "hi\n"]);
  },
);

for (const [what, closed] of [["input", "0<&-"], ["output", "1>&-"]]) {
  testBoth(`run works with standard ${what} closed`, async (mode) => {
    const { status, stderr } = await execute([
      "sh",
      "-c",
      `${shellLine(mode.runWords("-q", "sh", "-c", "exit 5"))} ${closed}`,
    ]);
    assertEquals([status, stderr], [5, ""]);
  });
}

test("run reports a full device in one clear line without a stack trace", async () => {
  const { status, stderr } = await execute([
    "sh",
    "-c",
    `${shellLine([...CONTAINER, "--help"])} >/dev/full`,
  ]);
  assertEquals(status, 125);
  assertEquals(
    stderr,
    "container: Cannot write to standard output: no space left on device (ENOSPC)\n",
  );
});

testBoth(
  "run writes output to a file completely and in order",
  async (mode) => {
    await using dir = new TempDir();
    const { status } = await execute([
      "sh",
      "-c",
      `${
        shellLine(mode.runWords("-q", "sh", "-c", "echo a; echo b >&2; echo c"))
      } >${dir.path}/log 2>&1`,
    ]);
    assertEquals(status, 0);
    assertEquals(await Deno.readTextFile(`${dir.path}/log`), "a\nb\nc\n");
  },
);

test("container prints help to standard output and errors to standard error", async () => {
  const help = await container(["--help"]);
  assert(help.stdout.length > 0 && help.stderr === "");
  const error = await container(["--no-such-flag"]);
  assert(error.stdout === "" && error.stderr.length > 0);
});
