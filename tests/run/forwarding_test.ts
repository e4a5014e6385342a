/** Which signals reach the command. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { kill } from "../../ffi/signal.ts";
import { descendants } from "../_host.ts";
import { testBoth } from "../_harness.ts";

/** Signals that a shell counts. */
const COUNTED = [
  "INT",
  "TERM",
  "HUP",
  "QUIT",
  "USR1",
  "USR2",
  "WINCH",
  "CONT",
  "TSTP",
] as const;

/** A script that counts a signal until it is told to stop. */
const counting = (signal: string) => `
  count=0
  trap 'count=$((count + 1)); echo got $count' ${signal}
  trap 'echo end $count; exit 5' ALRM
  echo ready
  while :; do sleep 0.05; done
`;

for (const signal of COUNTED) {
  testBoth(
    `SIG${signal} to the parent reaches the command exactly once`,
    async (mode) => {
      await using session = mode.startRun("sh", "-c", counting(signal));
      await session.expect(/ready\n/);
      session.kill(`SIG${signal}`);
      await session.expect(/got 1\n/);
      session.kill(`SIG${signal}`);
      await session.expect(/got 2\n/);
      // A third signal would have arrived after another sleep of the command.
      const [first] = descendants(session.pid);
      const command = mode.init ? descendants(first!.pid)[0] : first;
      await new Promise((resolve) => setTimeout(resolve, 150));
      Deno.kill(command!.pid, "SIGALRM");
      await session.expect(/^end 2\n/);
      assertEquals(await session.end(), 5);
    },
  );
}

/** Every signal that reaches the command, by number, but for SIGTSTP. */
const EVERY = Array.from({ length: 64 }, (_, index) => index + 1).filter(
  (signal) => ![9, 13, 17, 19, 20, 23, 32, 33].includes(signal),
);

testBoth(
  "every signal but SIGCHLD, SIGPIPE and SIGURG reaches the command, real-time signals too",
  async (mode) => {
    await using session = mode.startRun(
      "sh",
      "-c",
      `${EVERY.map((n) => `trap 'echo ${n}.' ${n}`).join("; ")}
       echo ready; while :; do sleep 0.02; done`,
    );
    await session.expect(/ready\n/);
    const send = (signal: number) => kill(session.pid, signal);
    for (const signal of [13, 17, 23]) send(signal);
    for (const signal of EVERY) {
      send(signal);
      await session.expect(new RegExp(`^${signal}\\.\n`));
    }
    session.kill("SIGKILL");
    await session.end();
  },
);
