/** The terminals of tests: their settings, and the processes on them. */

import { execute } from "./_harness.ts";
import { descendants } from "./_host.ts";
import type { Session } from "./_session.ts";

/** The output of stty(1) for a terminal. */
export async function settings(tty: string): Promise<string> {
  return (await execute(["stty", "-F", tty, "-a"])).stdout;
}

/** Whether a terminal is in raw mode. */
export const isRaw = async (tty: string) => /-icanon/.test(await settings(tty));

/** The terminal of a session's shell. */
export async function terminalOf(session: Session): Promise<string> {
  await session.send("echo tty=$(tty)=\n");
  const [, tty] = await session.expect(/tty=(\/dev\/\S+)=\r\n/);
  return tty!;
}

/** PID 1 of the only container below a session, by its number on the host. */
export function containerInit(session: Session): number | undefined {
  return descendants(session.pid).find(({ pid }) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/status`)
        .match(/^NSpid:\t\d+\t1$/m);
    } catch {
      return false;
    }
  })?.pid;
}
