/** The properties of standard output, for formatting. */

import { variable } from "../ffi/environment.ts";

/** The width of the terminal; null if there is no terminal. */
export function columns(): number | null {
  if (!Deno.stdout.isTerminal()) return null;
  try {
    return Deno.consoleSize().columns || null;
  } catch {
    return null;
  }
}

/** Whether to use colours: on a terminal, unless NO_COLOR is set. */
export function coloured(): boolean {
  return Deno.stdout.isTerminal() && !variable("NO_COLOR");
}
