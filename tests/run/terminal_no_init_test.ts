/**
 * `-T`, a terminal that is shared with a command that is PID 1. As in docker
 * without --init, Ctrl-C and Ctrl-Z do nothing to a command without a handler
 * for them. A shell handles them for its jobs.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertNotMatch } from "@std/assert";
import {
  NO_INIT,
  shellLine,
  startTerminal,
  test as hostTest,
  without,
} from "../_harness.ts";
import { CTRL_C, CTRL_Z, sleeping } from "../_keys.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(`-T --no-init: ${name}`, fn, { skip: without("script") });

const inside = (script: string) =>
  shellLine(NO_INIT.runWords("-q", "-T", "sh", "-c", script));

const pause = () => new Promise((resolve) => setTimeout(resolve, 200));

test("Ctrl-C reaches a command that handles it, once", async () => {
  await using terminal = startTerminal(
    `${
      inside(
        "trap 'n=$((n + 1)); echo int $n; [ $n -lt 3 ] || exit 7' INT; echo ready; while :; do sleep 0.05; done",
      )
    }; echo status $?`,
  );
  await terminal.expect(/ready\r\n/);
  for (const count of [1, 2, 3]) {
    await terminal.send(CTRL_C);
    await terminal.expect(new RegExp(`int ${count}\r\n`));
    await pause();
  }
  await terminal.expect(/status 7\r\n/);
  await terminal.end();
});

test("Ctrl-Z does not stop the command", async () => {
  await using terminal = startTerminal(
    `${inside("echo ready; read x; echo got $x; exit 4")}; echo status $?`,
  );
  await terminal.expect(/ready\r\n/);
  await terminal.send(CTRL_Z);
  await pause();
  await terminal.send("\nword\n");
  await terminal.expect(/status 4\r\n/);
  await terminal.end();
});

test("the terminal belongs to the caller again afterwards", async () => {
  await using terminal = startTerminal(
    `before=$(stty -a); ${
      inside("exit 3")
    }; echo status $?; [ "$before" = "$(stty -a)" ] && echo same; read x; echo got $x`,
  );
  await terminal.expect(/status 3\r\nsame\r\n/);
  await terminal.send("line\n");
  await terminal.expect(/got line\r\n/);
  assertEquals(await terminal.end(), 0);
});

test("a shell inside has job control", async () => {
  await using terminal = startTerminal(
    `stty cols 400; ${
      shellLine(NO_INIT.runWords("-q", "-T", "-e", "PS1=in> ", "sh"))
    }; echo status $?`,
  );
  await terminal.expect(/in> /);
  await terminal.send("sleep 1000\n");
  await sleeping(terminal);
  await terminal.send(CTRL_Z);
  await terminal.expect(/Stopped.*\r\nin> /);
  await terminal.send("kill -9 %1; wait; echo $((40 + 2))\n");
  await terminal.expect(/\r\n42\r\n(.*\r\n)?in> /);
  await terminal.send("sleep 1000\n");
  await sleeping(terminal);
  await terminal.send(CTRL_C);
  await terminal.expect(/in> /);
  await terminal.send("exit 5\n");
  await terminal.expect(/status 5\r\n/);
  assertNotMatch(terminal.output, /can't access tty|job control turned off/);
  await terminal.end();
});
