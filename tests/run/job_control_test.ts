/**
 * The terminal that a container has by default, in a shell with job control.
 * After a stop the caller's terminal is unchanged, and the container can be
 * continued.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import {
  execute,
  NO_INIT,
  runWords,
  shellLine,
  startShell,
  startTerminal,
  test as hostTest,
  until,
  without,
} from "../_harness.ts";
import { commandOf, descendants } from "../_host.ts";
import { CTRL_C, CTRL_D, CTRL_Z, isSleeping, sleeping } from "../_keys.ts";
import type { Session } from "../_session.ts";
import { containerInit, isRaw, settings, terminalOf } from "../_terminal.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(`own terminal: ${name}`, fn, {
    skip: without("script") ?? without("bash"),
  });

const owning = (...words: string[]) => shellLine(runWords("-q", ...words));

const inside = (script: string) => owning("sh", "-c", script);

const PROMPT = /host> $/;

const pause = (milliseconds = 200) =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The state of the process with this command line, on the host. */
function stateOf(session: Session, words: string): string | undefined {
  return descendants(session.pid)
    .find(({ pid }) => commandOf(pid) === words)?.state;
}

async function leave(shell: Session): Promise<void> {
  await shell.send("exit\n");
  await shell.end();
}

test("Ctrl-Z stops a command that does not handle it, and fg continues it", async () => {
  await using shell = await startShell();
  const tty = await terminalOf(shell);
  await shell.expect(PROMPT);
  await shell.send(`${owning("sleep", "1000")}\n`);
  await sleeping(shell);
  await until("raw mode", () => isRaw(tty));
  for (let turn = 0; turn < 3; turn++) {
    await shell.send(CTRL_Z);
    await shell.expect(/\^Z\r\n(\[1\]\+ +Stopped.*\r\n)/);
    await shell.expect(PROMPT);
    assertEquals(stateOf(shell, "sleep 1000 "), "T");
    await shell.send("stty -a; echo shell is $((40 + 2))\n");
    const [said] = await shell.expect(/[^]*shell is 42\r\n/);
    assertMatch(said, / icanon /);
    assertMatch(said, / echo /);
    await shell.expect(PROMPT);
    await shell.send("fg\n");
    await until("it runs again", () => stateOf(shell, "sleep 1000 ") === "S");
    await until("raw mode again", () => isRaw(tty));
  }
  await shell.send(CTRL_C);
  await shell.expect(PROMPT);
  await shell.send("echo status $?\n");
  await shell.expect(/status 130\r\n/);
  await leave(shell);
});

test("Ctrl-Z and fg twice: input arrives, and the terminal's settings come back", async () => {
  await using shell = await startShell();
  const tty = await terminalOf(shell);
  await shell.expect(PROMPT);
  await shell.send("before=$(stty -a)\n");
  await shell.expect(PROMPT);
  await shell.send(
    `${inside("echo ready; while read x; do echo got $x; done; exit 4")}\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  for (const word of ["one", "two"]) {
    await shell.send(CTRL_Z);
    await shell.expect(/Stopped.*\r\n/);
    await shell.expect(PROMPT);
    await shell.send("fg\n");
    await until("raw mode again", () => isRaw(tty));
    await shell.send(`${word}\r`);
    await shell.expect(new RegExp(`\r\ngot ${word}\r\n`));
  }
  await shell.send(CTRL_D);
  await shell.expect(PROMPT);
  await shell.send(
    'echo status $?; [ "$before" = "$(stty -a)" ] && echo same\n',
  );
  await shell.expect(/status 4\r\nsame\r\n/);
  await leave(shell);
});

test("Ctrl-Z also stops a script around the container, and fg continues both", async () => {
  await using shell = await startShell();
  await shell.send(`sh -c '${owning("sleep", "1000")}; echo after $?'\n`);
  await sleeping(shell);
  await shell.send(CTRL_Z);
  await shell.expect(/Stopped.*\r\n/);
  await shell.expect(PROMPT);
  await shell.send("fg\n");
  await until("it runs again", () => stateOf(shell, "sleep 1000 ") === "S");
  await shell.send(CTRL_C);
  await shell.expect(PROMPT);
  await leave(shell);
});

test("fg passes on a change of the window size", async () => {
  await using shell = await startShell();
  const tty = await terminalOf(shell);
  await shell.expect(PROMPT);
  await shell.send(
    `${
      inside("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    }\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  await shell.send(CTRL_Z);
  await shell.expect(/Stopped.*\r\n/);
  await shell.expect(PROMPT);
  await execute(["stty", "-F", tty, "rows", "31", "cols", "401"]);
  await shell.send("fg\n");
  await shell.expect(/\r\n31 401\r\n/);
  await shell.send(CTRL_C);
  await shell.expect(PROMPT);
  await leave(shell);
});

test("bg lets the container run without the terminal's input, and fg gives the input back", async () => {
  await using shell = await startShell();
  const tty = await terminalOf(shell);
  await shell.expect(PROMPT);
  await shell.send(
    `${
      inside(
        "echo ready; (sleep 1; echo tick) & read x; echo got $x; exit 6",
      )
    }\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  await shell.send(CTRL_Z);
  await shell.expect(/Stopped.*\r\n/);
  await shell.expect(PROMPT);
  await shell.send("bg\n");
  await shell.expect(/tick\r\n/);
  await shell.send("echo shell is $((40 + 2))\n");
  await shell.expect(/shell is 42\r\n/);
  await shell.send("jobs\n");
  await shell.expect(/Running/);
  assertNotMatch(shell.output, /\ngot /);
  await shell.send("fg\n");
  await until("raw mode again", () => isRaw(tty));
  await shell.send("line\r");
  await shell.expect(/got line\r\n/);
  await shell.expect(PROMPT);
  await shell.send("echo status $?\n");
  await shell.expect(/status 6\r\n/);
  assertNotMatch(shell.output, /\r\r\n/);
  await leave(shell);
});

test("SIGSTOP and SIGCONT from outside: the terminal is in raw mode again afterwards", async () => {
  await using shell = await startShell();
  const tty = await terminalOf(shell);
  await shell.expect(PROMPT);
  await shell.send(`${inside("echo ready; read x; echo got $x")}\n`);
  await shell.expect(/[\n ]ready\r\n/);
  const parent = descendants(shell.pid).find(({ pid }) =>
    / run .*-q sh -c echo ready/.test(commandOf(pid))
  )!;
  Deno.kill(parent.pid, "SIGSTOP");
  await shell.expect(/Stopped.*\r\n/);
  await shell.expect(PROMPT);
  await shell.send("fg\n");
  await until("raw mode again", () => isRaw(tty));
  await shell.send("line\r");
  await shell.expect(/got line\r\n/);
  await shell.expect(PROMPT);
  await shell.send("stty -a\n");
  await shell.expect(/ icanon [^]* echo /);
  await leave(shell);
});

test("Ctrl-Z in a shell inside stays inside, and its `kill -STOP $$` stops the container", async () => {
  await using shell = await startShell();
  await shell.send(`${owning("-e", "PS1=in> ", "sh")}\n`);
  await shell.expect(/in> /);
  await shell.send("sleep 1000\r");
  await sleeping(shell);
  await shell.send(CTRL_Z);
  await shell.expect(/Stopped.*\r\nin> /);
  await shell.send("kill -9 %1\r");
  await until("it is gone", () => !isSleeping(shell));
  await shell.send("\r");
  await shell.expect(/in> /);
  await shell.send("kill -STOP $$\r");
  await shell.expect(/\[1\]\+ +Stopped.*\r\n/);
  await shell.expect(PROMPT);
  await shell.send("fg\n");
  await shell.expect(/fg\r\n.*\r\n/);
  await pause();
  await shell.send("exit 8\r");
  await shell.expect(PROMPT);
  await shell.send("echo status $?\n");
  await shell.expect(/status 8\r\n/);
  assertNotMatch(shell.output, /can't access tty|job control turned off/);
  await leave(shell);
});

test("a container started in the background has the caller's terminal, like every job", async () => {
  await using shell = await startShell();
  await shell.send(`${inside("tty; read x; echo got $x; exit 6")} &\n`);
  await shell.expect(/not a tty\r\n/);
  await until("the job is stopped", async () => {
    await shell.send("jobs\n");
    await shell.expect(/jobs\r\n[^]*?host> /);
    return /Stopped/.test(shell.output);
  });
  await shell.send("fg\n");
  await shell.expect(/fg\r\n.*\r\n/);
  await shell.send("line\n");
  await shell.expect(/got line\r\n/);
  await shell.expect(PROMPT);
  await leave(shell);
});

test("-t in the background waits for input without stopping", async () => {
  await using shell = await startShell();
  const tty = await terminalOf(shell);
  await shell.expect(PROMPT);
  await shell.send("before=$(stty -a)\n");
  await shell.expect(PROMPT);
  await shell.send(
    `${owning("-t", "sh", "-c", "tty; read x; echo got $x; exit 6")} &\n`,
  );
  await shell.expect(/\/dev\/pts\/0\r\n/);
  await shell.send("jobs\n");
  await shell.expect(/Running/);
  await shell.send("fg\n");
  await until("raw mode", () => isRaw(tty));
  await shell.send("line\r");
  await shell.expect(/got line\r\n/);
  await shell.expect(PROMPT);
  await shell.send('[ "$before" = "$(stty -a)" ] && echo same\n');
  await shell.expect(/\nsame\r\n/);
  await leave(shell);
});

test("Ctrl-Z without a shell that could continue the container does not stop it", async () => {
  await using terminal = startTerminal(
    `exec ${inside("echo ready; read x; echo got $x; exit 4")}`,
  );
  await terminal.expect(/ready\r\n/);
  await terminal.send(CTRL_Z);
  await pause();
  await terminal.send("word\r");
  await terminal.expect(/got word\r\n/);
  assertEquals(await terminal.end(), 4);
});

test("--no-init: Ctrl-Z does not stop a command that is PID 1", async () => {
  await using shell = await startShell();
  await shell.send(
    `${
      shellLine(
        NO_INIT.runWords("-q", "sh", "-c", "echo ready; read x; exit 4"),
      )
    }\n`,
  );
  await shell.expect(/[\n ]ready\r\n/);
  await shell.send(CTRL_Z);
  await pause();
  await shell.send("word\r");
  await shell.expect(PROMPT);
  await shell.send("echo status $?\n");
  await shell.expect(/status 4\r\n/);
  assertNotMatch(shell.output, /Stopped/);
  await leave(shell);
});

for (const signal of ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"] as const) {
  test(`${signal} to the parent ends the container and leaves the terminal unchanged`, async () => {
    await using shell = await startShell();
    const tty = await terminalOf(shell);
    await shell.expect(PROMPT);
    await shell.send(`${owning("sleep", "1000")}; echo over; cat\n`);
    await sleeping(shell);
    await until("raw mode", () => isRaw(tty));
    const init = containerInit(shell)!;
    const { parent } = descendants(shell.pid).find(({ pid }) => pid === init)!;
    const said = shell.output.length;
    Deno.kill(parent, signal);
    // After a SIGINT the shell may skip the following commands.
    await until(
      "the shell goes on",
      () => /over\r\n|host> /.test(shell.output.slice(said)),
    );
    await until("as it was", async () => !await isRaw(tty));
    assertMatch(await settings(tty), /[^-]echo /);
    if (/over\r\n/.test(shell.output)) await shell.send(CTRL_D);
    await leave(shell);
  });
}

test("SIGKILL to PID 1 ends the container with 137 and leaves the terminal unchanged", async () => {
  await using terminal = startTerminal(
    `before=$(stty -a); ${
      inside("echo ready; sleep 1000")
    }; echo status $?; [ "$before" = "$(stty -a)" ] && echo same`,
  );
  await terminal.expect(/ready\r\n/);
  Deno.kill(containerInit(terminal)!, "SIGKILL");
  await terminal.expect(/status 137\r\nsame\r\n/);
  await terminal.end();
});
