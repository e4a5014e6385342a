/** strace(1): which system calls a program really makes. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FILE_RIGHT_NAMES } from "../plan/landlock_rights.ts";
import {
  execute,
  type Options,
  type Result,
  shellLine,
  TempDir,
} from "./_harness.ts";

/** A complete call. */
export interface Traced {
  pid: string;
  name: string;
  /** The arguments as strace wrote them, without comments. */
  args: string;
  /** Such as `3`, `-1 ENOENT (…)` or `?`. */
  result: string;
}

// A sound device has a request of the same number as TCSETS.
const withoutComments = (text: string) =>
  text.replace(/ ?\/\*.*?\*\//g, "").replace("SNDCTL_TMR_START or ", "");

/** Splits `name(args) = result`; null if the text is not a call. */
export function parseCall(
  text: string,
): { name: string; args: string; result: string } | null {
  const found = withoutComments(text).trim().match(
    /^(\w+)\((.*)\) += (.+)$/s,
  );
  return found && { name: found[1]!, args: found[2]!, result: found[3]! };
}

/**
 * Parses strace's output. Interrupted calls are joined, in the order in which
 * they began.
 */
export function parseTrace(text: string): Traced[] {
  const begun: { pid: string; text: string }[] = [];
  const open = new Map<string, { pid: string; text: string }>();
  for (const line of text.split("\n")) {
    const [, pid, rest] = line.match(/^(\d+) +(.*)$/s) ?? [];
    if (pid === undefined || rest === undefined) continue;
    const resumed = rest.match(/^<\.\.\. \w+ resumed>(.*)$/s);
    if (resumed) {
      const entry = open.get(pid);
      if (entry) entry.text += resumed[1]!;
      open.delete(pid);
      continue;
    }
    const unfinished = rest.match(/^(.*?) ?<unfinished \.\.\.>(.*)$/s);
    const entry = { pid, text: unfinished ? unfinished[1]! : rest };
    begun.push(entry);
    if (unfinished) open.set(pid, entry);
  }
  return begun.flatMap(({ pid, text }) => {
    const call = parseCall(text);
    return call ? [{ pid, ...call }] : [];
  });
}

const LANDLOCK_BITS: Readonly<Record<string, number>> = Object.fromEntries([
  ...FILE_RIGHT_NAMES.map((name, bit) => [`ACCESS_FS_${name}`, 1 << bit]),
  ...["BIND_TCP", "CONNECT_TCP"].map((name, bit) => [
    `ACCESS_NET_${name}`,
    1 << bit,
  ]),
  ...["ABSTRACT_UNIX_SOCKET", "SIGNAL"].map((name, bit) => [
    `SCOPE_${name}`,
    1 << bit,
  ]),
]);

const BITS = /(?:LANDLOCK_(?:ACCESS|SCOPE)_\w+|0x[0-9a-f]+)(?:\|\w+)*/g;

/**
 * Writes Landlock's rights as a number. Which rights have names depends on
 * strace's version.
 */
export function landlockInNumbers(args: string): string {
  return args.replace(BITS, (words) =>
    String(
      words.split("|").reduce(
        (bits, word) =>
          bits | (LANDLOCK_BITS[word.replace("LANDLOCK_", "")] ?? Number(word)),
        0,
      ),
    ));
}

/**
 * The forms of Landlock's arguments in the versions of strace, the newest
 * first.
 */
export function landlockForms(args: string): string[] {
  const numbers = landlockInNumbers(args);
  return [
    numbers,
    numbers.replace(/, scoped=\d+\}/, ", ...}"),
    numbers.replace(/, handled_access_net=.*\}/, ", ...}"),
    // An address.
    numbers.replace(/LANDLOCK_RULE_NET_PORT, \{.*\}/, "2, ..."),
  ];
}

/** How a program is traced. */
export interface TraceOptions extends Options {
  /** Whether it gets a new terminal. */
  terminal?: boolean;
  /**
   * Whether a process stops at every call. Otherwise strace has the kernel stop
   * it at the named calls only, in less than half of the time, by a filter with
   * no_new_privs: then set-user-ID programs gain nothing, and a filter with a
   * listener is refused.
   */
  everyCall?: boolean;
}

/** Runs words directly, or on a new terminal. */
export async function executeOn(
  words: readonly string[],
  { terminal = false, ...options }: TraceOptions,
): Promise<Result> {
  if (!terminal) return await execute(words, options);
  const result = await execute(
    ["script", "-qec", shellLine(words), "/dev/null"],
    { ...options, env: { SHELL: "/bin/sh", ...options.env }, stdin: "" },
  );
  return { ...result, stdout: result.stdout.replaceAll("\r\n", "\n") };
}

/** Runs words under strace. They must succeed without messages. */
export async function trace(
  names: readonly string[],
  words: readonly string[],
  options: TraceOptions = {},
): Promise<Traced[]> {
  await using dir = new TempDir();
  const file = `${dir.path}/trace`;
  // strace is outermost and runs as root: only root may trace non-dumpable
  // processes.
  const { status, stderr } = await executeOn([
    "strace",
    "-f",
    ...options.everyCall ? [] : ["--seccomp-bpf"],
    "-s",
    "4096",
    "-e",
    `trace=${[...new Set(names)].join(",")}`,
    "-e",
    "abbrev=!execve,execveat",
    "-e",
    "signal=none",
    "-o",
    file,
    ...options.before ?? [],
    ...words,
  ], options);
  assertEquals([status, stderr], [0, ""]);
  return parseTrace(await Deno.readTextFile(file));
}
