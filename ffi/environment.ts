/**
 * What the caller gave this process, with every byte of it: the words of the
 * command line, and the environment, environ(7). Deno replaces bytes that are
 * not UTF-8; the kernel and libc still have them. In the compiled program the
 * native entry replaces those of words first, because Deno's runtime would not
 * start (launch/native/own_words.h).
 */

import { lazily, valueOf } from "./libc.ts";
import { cString, textAt } from "./memory.ts";
import { isText, isWhole, REPLACEMENT, toText } from "./text.ts";

const NUL = 0;

const functions = lazily(
  {
    /** char *getenv(const char *name) */
    getenv: { parameters: ["buffer"], result: "pointer" },
  } as const,
);

/** The value of a variable; null if it is not set. */
export function variable(name: string): string | null {
  if (isText(name)) {
    const value = valueOfDeno(name);
    if (value === null || isWhole(value)) return value;
  }
  const value = functions().getenv(cString(name));
  return value === null ? null : textAt(value);
}

/**
 * Deno refuses a value that is not UTF-8, or replaces its bytes; that differs
 * between versions.
 */
function valueOfDeno(name: string): string | null {
  try {
    return Deno.env.get(name) ?? null;
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) return REPLACEMENT;
    throw error;
  }
}

/** All variables. */
export function environment(): Record<string, string> {
  const list = valueOf("environ");
  if (list === null) return {};
  const view = new Deno.UnsafePointerView(list);
  const entries: [string, string][] = [];
  for (let at = 0;; at += 8) {
    const entry = view.getPointer(at);
    if (entry === null) return Object.fromEntries(entries);
    const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(textAt(entry)) ?? [];
    if (name !== undefined && value !== undefined) entries.push([name, value]);
  }
}

/**
 * The words as the caller gave them.
 *
 * @param words the words as Deno has them
 * @throws {Error} if some cannot be read, since there is no /proc
 */
export function ownWords(words: readonly string[]): readonly string[] {
  if (words.every(isWhole)) return words;
  return withBytes(words, commandLine(words));
}

function commandLine(words: readonly string[]): Uint8Array {
  try {
    return Deno.readFileSync("/proc/self/cmdline");
  } catch {
    throw new Error(
      `Cannot read the word ${
        words.find((word) => !isWhole(word))
      }: it may have a byte that is not UTF-8, and there is no /proc. Mount /proc, or use only UTF-8.`,
    );
  }
}

/**
 * Takes each word with a replacement from the kernel's command line, in which
 * further words come first: the program's, and under `deno run` those of Deno.
 */
export function withBytes(
  words: readonly string[],
  commandLine: Uint8Array,
): string[] {
  const all: string[] = [];
  for (let from = 0, to; from < commandLine.length; from = to + 1) {
    to = commandLine.indexOf(NUL, from);
    if (to < 0) to = commandLine.length;
    all.push(toText(commandLine.subarray(from, to)));
  }
  return words.map((word, index) =>
    isWhole(word) ? word : all.at(index - words.length) ?? word
  );
}
