/**
 * What is done with an engine, and what has to come of it whichever runtime the
 * engine has: the tables beside this file are lists of these.
 */

/** One thing that people do with an engine. */
export interface Scenario {
  name: string;
  /**
   * For sh(1), with the engine's client on PATH, the image `busybox` loaded and
   * the functions of {@linkcode PRELUDE}. What it leaves is taken away after it.
   */
  script: string;
  /** What it says on both streams, by every runtime: all of it, or a pattern. */
  says: string | RegExp;
  /** Where ours says something else on purpose. */
  ours?: { says: string | RegExp; why: string };
  /** Why it cannot be tried on this machine. */
  skip?: string | null;
}

/** What every script can call. */
export const PRELUDE = `
# A command, and the status it ended with.
status() { "$@"; echo "status $?"; }
# A command until it succeeds, for at most ten seconds.
until_it() {
  for _ in $(seq 50); do
    if eval "$*" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  echo "waited in vain: $*"
}
# A command on a terminal of its own, 33 lines of 77; what is not typed is waited for.
on_terminal() {
  script -q -E never -ec "stty rows 33 cols 77; $*" /dev/null | tr -d '\\r' |
    # The end of the input, as script(1) types and a terminal shows it.
    sed 's/^\\^@//'
}
# A command, its status, and the words that its error has to have, or all of it.
saying() {
  words=$1; shift
  said=$("$@" 2>&1); echo "status $?"
  if printf '%s' "$said" | grep -iqe "$words"; then echo "$words"
  else printf '%s\\n' "$said"; fi
}
`;

/** What a script said without what differs from run to run. */
export function normalize(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, "ID")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "ID")
    .split("\n").map((line) => line.trimEnd()).join("\n").trim();
}

/** Why what was said is not what had to be, or null. */
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
