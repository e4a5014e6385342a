/**
 * The result of a check of `container doctor`, and words that many checks
 * share. Pure.
 */

/** The outcome of a check. */
export type Status = "ok" | "warning" | "missing" | "information";

/** The headings of the report, in order. */
export const GROUPS = [
  "Machine",
  "This user",
  "Namespaces",
  "Without root",
  "Resource limits",
  "File systems",
  "Networks",
  "Protection",
  "Programs",
] as const;

/** A heading of the report. */
export type Group = typeof GROUPS[number];

/** The result of one check. */
export interface Check {
  /** An identifier for programs; it never changes. */
  id: string;
  group: Group;
  title: string;
  status: Status;
  /** What the check found. */
  found: string;
  /** What that means for containers. */
  means: string;
  /** How to fix it: a command, or a description if there is no command. */
  cure?: string;
  /** `run` does not work at all because of this. */
  stopsRun?: true;
}

/** A result under its heading. */
export function check(
  group: Group,
  id: string,
  title: string,
  result: Omit<Check, "group" | "id" | "title">,
): Check {
  return { id, group, title, ...result };
}

/** The command that changes a kernel setting until the next boot. */
export function sysctl(setting: string): string {
  return `sudo sysctl -w ${setting}  # until the next boot; a file in /etc/sysctl.d keeps it`;
}

/** Whether a kernel release is this version or newer. */
export function atLeast(
  release: string,
  major: number,
  minor: number,
): boolean {
  const [, a, b] = release.match(/^(\d+)\.(\d+)/) ?? [];
  if (a === undefined) return false;
  return Number(a) > major || (Number(a) === major && Number(b) >= minor);
}

/** The words as "a, b and c". */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
