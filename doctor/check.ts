/** What a check of `container doctor` finds, and words that many of them share. */

/** How it stands with one thing. */
export type Status = "ok" | "warning" | "missing" | "information";

/** The headings of the report, in their order. */
export const GROUPS = [
  "Machine",
  "This user",
  "Namespaces",
  "Without root",
  "Resource limits",
  "File systems",
  "Protection",
  "Programs",
] as const;

/** A heading of the report. */
export type Group = typeof GROUPS[number];

/** The result of one check. */
export interface Check {
  /** For programs; stays the same from version to version. */
  id: string;
  group: Group;
  title: string;
  status: Status;
  /** What was seen. */
  found: string;
  /** What it means for containers. */
  means: string;
  /** The command, or where there is none the deed, that changes it. */
  cure?: string;
  /** `run` cannot work at all like this. */
  stopsRun?: true;
}

/** The result of a check under its heading. */
export function check(
  group: Group,
  id: string,
  title: string,
  result: Omit<Check, "group" | "id" | "title">,
): Check {
  return { id, group, title, ...result };
}

/** A setting of the kernel, set for now. */
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

/** "a, b and c". */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
