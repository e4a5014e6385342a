/**
 * `-T`, a terminal that the container shares: Ctrl-C, Ctrl-Z, fg, bg, size,
 * hang-up.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertNotMatch } from "@std/assert";
import {
  execute,
  runWords,
  shellLine,
  startShell,
  startTerminal,
  test as hostTest,
  until,
  without,
} from "../_harness.ts";
import { descendants, readProcess } from "../_host.ts";
import { containerInit } from "../_terminal.ts";
import {
  CTRL_BACKSLASH,
  CTRL_C,
  CTRL_D,
  CTRL_Z,
  isSleeping,
  sleeping,
} from "../_keys.ts";

const NEEDS = without("script") ?? without("bash");

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(`-T: ${name}`, fn, { skip: NEEDS });

const shared = (...words: string[]) =>
  shellLine(runWords("-q", "-T", ...words));

const inside = (script: string) => shared("sh", "-c", script);

const COUNT =
  "trap 'n=$((n + 1)); echo int $n' INT; trap 'echo end $n; exit 7' TERM; echo ready; while :; do sleep 0.05; done";

for (
  const [what, start] of [
    ["the terminal's own command", (line: string) => `exec ${line}`],
    ["a child of a shell script", (line: string) => `${line}; exit $?`],
    [
      "the end of a pipeline",
      (line: string) => `sleep 1000 | ${line}; exit $?`,
    ],
    [
      "a command with other input",
      (line: string) => `${line} </dev/null; exit $?`,
    ],
  ] as const
) {
  test(`Ctrl-C reaches the command once: ${what}`, async () => {
    await using terminal = startTerminal(start(inside(COUNT)));
    await terminal.expect(/ready\r\n/);
    for (const count of [1, 2, 3]) {
      await terminal.send(CTRL_C);
      await terminal.expect(new RegExp(`int ${count}\r\n`));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    const [command] = descendants(containerInit(terminal)!);
    Deno.kill(command!.pid, "SIGTERM");
    await terminal.expect(/^end 3\r\n/);
    await terminal.end();
  });
}

test("Ctrl-C ends a command that does not handle it, with 130", async () => {
  await using terminal = startTerminal(
    `${inside("echo ready; exec sleep 1000")}; echo status $?`,
  );
  await terminal.expect(/ready\r\n/);
  await terminal.send(CTRL_C);
  // The host's own shell is in another process group then.
  await terminal.expect(/status 130\r\n/);
  await terminal.end();
});

test("Ctrl-\\ ends a command with 131", async () => {
  await using terminal = startTerminal(
    `${shared("sleep", "1000")}; echo status $?`,
  );
  await sleeping(terminal);
  await terminal.send(CTRL_BACKSLASH);
  await terminal.expect(/status 131\r\n/);
  await terminal.end();
});

test("Ctrl-D is the end of input", async () => {
  await using terminal = startTerminal(shared("cat"));
  await terminal.send("line\n");
  await terminal.expect(/line\r\nline\r\n/);
  await terminal.send(CTRL_D);
  assertEquals(await terminal.end(), 0);
});

test("the terminal belongs to the caller again afterwards, even after a stop in between", async () => {
  await using terminal = startTerminal(
    `${inside("exit 3")}; echo status $?; read x; echo got $x`,
  );
  await terminal.expect(/status 3\r\n/);
  await terminal.send("line\n");
  await terminal.expect(/got line\r\n/);
  assertEquals(await terminal.end(), 0);
});

test("Ctrl-Z stops the command, and fg continues it with the terminal", async () => {
  await using shell = await startShell();
  await shell.send(
    `${inside("echo ready; while read x; do echo got $x; done; exit 4")}\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  for (const word of ["one", "two"]) {
    await shell.send(CTRL_Z);
    await shell.expect(/Stopped.*\r\n(.|\r\n)*host> /);
    await shell.send("echo shell is $((40 + 2))\n");
    await shell.expect(/shell is 42\r\nhost> /);
    await shell.send("fg\n");
    await shell.expect(/fg\r\n.*\r\n/);
    await shell.send(`${word}\n`);
    await shell.expect(new RegExp(`got ${word}\r\n`));
  }
  await shell.send(CTRL_D);
  await shell.expect(/host> /);
  await shell.send("echo status $?\n");
  await shell.expect(/status 4\r\nhost> /);
  await shell.send("exit\n");
  await shell.end();
});

test("Ctrl-Z and bg let the command run and leave the terminal to the shell", async () => {
  await using shell = await startShell();
  await shell.send(
    `${
      inside(
        "echo ready; n=0; while [ ! -e /tmp/.stop ] && [ $n -lt 20 ]; do n=$((n + 1)); sleep 0.1; done; echo over",
      )
    }\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  await shell.send(CTRL_Z);
  await shell.expect(/Stopped.*\r\n(.|\r\n)*host> /);
  await shell.send("bg\n");
  await shell.expect(/over\r\n/);
  await shell.send("wait; echo still $((40 + 2))\n");
  await shell.expect(/still 42\r\nhost> /);
  await shell.send("echo and $((40 + 3))\n");
  await shell.expect(/and 43\r\nhost> /);
  await shell.send("exit\n");
  await shell.end();
});

test("a command in the background stops when it reads the terminal, and fg lets it read", async () => {
  await using shell = await startShell();
  await shell.send(
    `${inside("echo ready; read x; echo got $x; exit 6")} &\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  await shell.send("\n");
  await until("the job is stopped", async () => {
    await shell.send("jobs\n");
    await shell.expect(/jobs\r\n(.|\r\n)*?host> /);
    return /Stopped/.test(shell.output);
  });
  await shell.send("fg\n");
  await shell.expect(/fg\r\n.*\r\n/);
  await shell.send("line\n");
  await shell.expect(/got line\r\n/);
  await shell.expect(/host> /);
  await shell.send("echo status $?\n");
  await shell.expect(/status 6\r\n/);
  await shell.send("exit\n");
  await shell.end();
});

test("a command in the background runs, and fg gives it the terminal meanwhile", async () => {
  await using shell = await startShell();
  await shell.send(
    `${
      inside("echo ready; trap 'exit 9' INT; while :; do sleep 0.05; done")
    } &\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  await shell.send("fg\n");
  await until("the job has the terminal", () => {
    const parent = readProcess(containerInit(shell)!)!.parent;
    const fields = Deno.readTextFileSync(`/proc/${parent}/stat`)
      .replace(/^.*\) /, "").split(" ");
    return fields[2] === fields[5];
  });
  await shell.send(CTRL_C);
  await shell.expect(/host> /);
  await shell.send("echo status $?\n");
  await shell.expect(/status 9\r\n/);
  await shell.send("exit\n");
  await shell.end();
});

test("a command in the background reads the terminal if fg comes before", async () => {
  await using shell = await startShell();
  await shell.send(
    `${inside("echo ready; sleep 1; read x; echo got $x; exit 6")} &\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  await shell.send("fg\n");
  await shell.expect(/fg\r\n.*\r\n/);
  await shell.send("line\n");
  await shell.expect(/got line\r\n/);
  await shell.expect(/host> /);
  await shell.send("echo status $?\n");
  await shell.expect(/status 6\r\n/);
  assertNotMatch(shell.output, /Stopped/);
  await shell.send("exit\n");
  await shell.end();
});

test("a shell inside has job control: Ctrl-C ends its sleep, Ctrl-Z stops it, fg continues it", async () => {
  await using terminal = startTerminal(
    `stty cols 400; PS1=x exec ${shared("-e", "PS1=in> ", "sh")}`,
  );
  await terminal.expect(/in> /);
  await terminal.send("sleep 1000\n");
  await sleeping(terminal);
  await terminal.send(CTRL_C);
  await terminal.expect(/in> /);
  await terminal.send("echo status $?\n");
  await terminal.expect(/status 130\r\nin> /);
  await terminal.send("sleep 1000\n");
  await sleeping(terminal);
  await terminal.send(CTRL_Z);
  await terminal.expect(/Stopped.*\r\nin> /);
  await terminal.send("jobs\n");
  await terminal.expect(/Stopped +sleep 1000\r\nin> /);
  await terminal.send("fg\n");
  await terminal.expect(/\nsleep 1000\r\n/);
  await sleeping(terminal);
  await terminal.send(CTRL_C);
  await terminal.expect(/in> /);
  await terminal.send("exit 5\n");
  assertEquals(await terminal.end(), 5);
  assertNotMatch(terminal.output, /can't access tty|job control turned off/);
});

test("Ctrl-Z of a job in a shell inside bash inside a shell stays inside", async () => {
  await using shell = await startShell();
  await shell.send(`${shared("-e", "PS1=in> ", "sh")}\n`);
  await shell.expect(/\nin> |^in> |\rin> |in> $/);
  await shell.send("sleep 1000\n");
  await sleeping(shell);
  await shell.send(CTRL_Z);
  await shell.expect(/Stopped.*\r\nin> /);
  await shell.send("kill -9 %1\n");
  await shell.expect(/in> /);
  await until("it is gone", () => !isSleeping(shell));
  await shell.send("\n");
  await shell.expect(/in> /);
  await shell.send("exit 8\n");
  await shell.expect(/host> /);
  await shell.send("echo status $?\n");
  await shell.expect(/status 8\r\n/);
  await shell.send("exit\n");
  await shell.end();
});

test("the terminal's size is visible inside, and a change arrives once", async () => {
  await using terminal = startTerminal(
    `stty rows 33 cols 111; echo tty=$(tty)=; exec ${
      inside(
        "trap 'n=$((n + 1)); echo winch $n' WINCH; trap 'echo end $n; exit 7' TERM; stty size; echo ready; while :; do sleep 0.05; done",
      )
    }`,
  );
  const [, tty] = await terminal.expect(/tty=(.*)=\r\n/);
  await terminal.expect(/33 111\r\nready\r\n/);
  await execute(["stty", "-F", tty!, "rows", "44", "cols", "99"]);
  await terminal.expect(/winch 1\r\n/);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const [command] = descendants(containerInit(terminal)!);
  Deno.kill(command!.pid, "SIGTERM");
  await terminal.expect(/^end 1\r\n/);
  assertEquals(await terminal.end(), 7);
});

test("the terminal's settings stay unchanged", async () => {
  await using terminal = startTerminal(
    `before=$(stty -a); ${
      inside("exit 0")
    }; [ "$before" = "$(stty -a)" ] && echo same`,
  );
  await terminal.expect(/same\r\n/);
  await terminal.end();
});

test("a hang-up of the terminal ends the container", async () => {
  await using terminal = startTerminal(
    inside("trap '' TERM; echo ready; while :; do sleep 1; done"),
  );
  await terminal.expect(/ready\r\n/);
  terminal.kill("SIGKILL");
  await terminal.end();
});

test("two containers at the ends of a pipe share the terminal", async () => {
  await using terminal = startTerminal(
    `${inside("echo one; sleep 0.2; echo two")} | ${
      inside("while read x; do echo got $x; done")
    }; read y; echo then $y`,
  );
  await terminal.expect(/got one\r\ngot two\r\n/);
  await terminal.send("line\n");
  await terminal.expect(/then line\r\n/);
  assertEquals(await terminal.end(), 0);
});

test("a pager at the end of a pipeline reads the terminal while the command runs", async () => {
  await using shell = await startShell();
  await shell.send(
    `${
      inside("echo ready; sleep 1; echo over")
    } | sh -c 'read x; read key </dev/tty; echo $x: key $key; cat'\n`,
  );
  await shell.send("k\n");
  await shell.expect(/ready: key k\r\nover\r\n/);
  await shell.expect(/host> /);
  assertNotMatch(shell.output, /Stopped/);
  await shell.send("exit\n");
  await shell.end();
});

test("a command with output to a file still reads the terminal, and gives it back", async () => {
  await using shell = await startShell();
  await shell.send(
    `${inside("read a; read b; echo $a-$b >&2; exit 6")} >/dev/null\n`,
  );
  await shell.send("one\ntwo\n");
  await shell.expect(/one-two\r\n/);
  await shell.expect(/host> /);
  await shell.send("echo status $?\n");
  await shell.expect(/status 6\r\n/);
  assertNotMatch(shell.output, /Stopped/);
  await shell.send("exit\n");
  await shell.end();
});
