/** What standard output is, for who draws on it. */

/** Columns of the terminal; null where nobody looks. */
export function columns(): number | null {
  if (!Deno.stdout.isTerminal()) return null;
  try {
    return Deno.consoleSize().columns || null;
  } catch {
    return null;
  }
}

/** Colours are for a terminal, and for who has not said NO_COLOR. */
export function coloured(): boolean {
  return Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
}
