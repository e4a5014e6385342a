/**
 * What is done with an engine, and the expected result with every runtime. The
 * tables in this directory are lists of scenarios.
 */

/** One thing that people do with an engine. */
export interface Scenario {
  name: string;
  /**
   * A script for sh(1), with the engine's client on PATH, the image `busybox`
   * loaded, and the functions of {@linkcode PRELUDE}. What it leaves is removed
   * after it.
   */
  script: string;
  /**
   * The expected output on both streams with every runtime: all of it, or a
   * pattern.
   */
  says: string | RegExp;
  /** A different output of our runtime, which is intended. */
  ours?: { says: string | RegExp; why: string };
  /** Why it cannot be tested on this machine. */
  skip?: string | null;
}

/** Functions for every script. */
export const PRELUDE = `
# Runs a command and prints its status.
status() { "$@"; echo "status $?"; }
# Repeats a command until it succeeds, for at most ten seconds.
until_it() {
  for _ in $(seq 50); do
    if eval "$*" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  echo "waited in vain: $*"
}
# Runs a command on a new terminal with 33 lines and 77 columns.
on_terminal() {
  script -q -E never -ec "stty rows 33 cols 77; $*" /dev/null | tr -d '\\r' |
    # The end of the input, which script(1) types and the terminal shows.
    sed 's/^\\^@//'
}
# Runs a command; prints its status, and the expected words or the whole error.
saying() {
  words=$1; shift
  said=$("$@" 2>&1); echo "status $?"
  if printf '%s' "$said" | grep -iqe "$words"; then echo "$words"
  else printf '%s\\n' "$said"; fi
}
`;

/** The output of a script without what differs from run to run. */
export function normalize(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, "ID")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "ID")
    .split("\n").map((line) => line.trimEnd()).join("\n").trim();
}

/** Why an output is not the expected one, or null. */
export function difference(
  said: string,
  says: string | RegExp,
): string | null {
  const text = normalize(said);
  const wanted = typeof says === "string" ? normalize(says) : says;
  const fits = typeof wanted === "string" ? text === wanted : wanted.test(text);
  return fits ? null : `said:\n${indent(text)}\nnot:\n${indent(`${wanted}`)}`;
}

const indent = (text: string) => text.replaceAll(/^/gm, "  | ");
