/** The terminals of a test: what they are set to, and what is in them. */

import { execute } from "./_harness.ts";
import { descendants } from "./_host.ts";
import type { Session } from "./_session.ts";

/** What stty(1) says of a terminal. */
export async function settings(tty: string): Promise<string> {
  return (await execute(["stty", "-F", tty, "-a"])).stdout;
}

/** Whether typed bytes go through as they are. */
export const isRaw = async (tty: string) => /-icanon/.test(await settings(tty));

/** The terminal that a session's shell is on. */
export async function terminalOf(session: Session): Promise<string> {
  await session.send("echo tty=$(tty)=\n");
  const [, tty] = await session.expect(/tty=(\/dev\/\S+)=\r\n/);
  return tty!;
}

/** The only container's PID 1 below a session, as the host numbers it. */
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
