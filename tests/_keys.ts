/** What the tests of terminals type and wait for. */

import { until } from "./_harness.ts";
import { descendants } from "./_host.ts";
import type { Session } from "./_session.ts";

export const CTRL_C = "\x03";
export const CTRL_D = "\x04";
export const CTRL_Z = "\x1a";
export const CTRL_BACKSLASH = "\x1c";

/** Whether `sleep 1000` runs below a session. */
export function isSleeping(session: Session): boolean {
  return descendants(session.pid).some(({ pid, state }) => {
    try {
      return state === "S" &&
        Deno.readTextFileSync(`/proc/${pid}/cmdline`) === "sleep\x001000\0";
    } catch {
      return false;
    }
  });
}

/** Waits until `sleep 1000` runs instead of its shell. */
export const sleeping = (session: Session) =>
  until("sleep runs", () => isSleeping(session));
