/** No signal opens the runtime's debugger, on the host or inside. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Daily } from "../_daily.ts";
import { descendants } from "../_host.ts";
import { test, testBoth } from "../_harness.ts";
import { Session } from "../_session.ts";

/** Longer than Deno takes to receive the signal, in milliseconds. */
const UNTIL_TAKEN = 900;
/** Longer than it then takes to listen. */
const UNTIL_OPEN = 300;

const pause = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The sockets on which a process listens, from proc_net_tcp(5). */
function listening(pid: number): string[] {
  const own = new Set(
    [...Deno.readDirSync(`/proc/${pid}/fd`)].flatMap(({ name }) => {
      try {
        const target = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
        return target.match(/^socket:\[(\d+)\]$/)?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return Deno.readTextFileSync(`/proc/${pid}/net/tcp`).trim().split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) =>
      state === "0A" && own.has(inode ?? "")
    )
    .map(([, address]) => address ?? "");
}

testBoth(
  "SIGUSR1 to run reaches the command at any time, and opens no debugger",
  async (mode) => {
    await using session = mode.startRun(
      ...["sh", "-c"],
      "trap 'echo heard' USR1; echo ready; while :; do sleep 0.05; done",
    );
    await session.expect(/ready\n/);
    await pause(UNTIL_TAKEN);
    const first = descendants(session.pid)[0]!.pid;
    for (let times = 0; times < 3; times++) {
      session.kill("SIGUSR1");
      await session.expect(/heard\n/);
    }
    if (mode.init) Deno.kill(first, "SIGUSR1");
    await pause(UNTIL_OPEN);
    assertEquals(listening(session.pid), []);
    assertEquals(listening(first), []);
    assertEquals(session.output.includes("Debugger"), false);
    session.kill("SIGKILL");
    await session.end();
  },
);

test("SIGUSR1 ends a command of our program that has no container to forward it to", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sh", "-c", "echo said; sleep 1000");
  await using session = new Session(daily.words("logs", "-f", "one"));
  await session.expect(/said\n/);
  await pause(UNTIL_TAKEN);
  session.kill("SIGUSR1");
  assertEquals(await session.end(), 138);
  assertEquals(session.output, "said\n");
});
