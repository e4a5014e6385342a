/**
 * Command lines whose output is known when the executable is built, such as
 * `--version` and `run --help`. The native entry (launch/native/known_texts.h)
 * prints it without starting Deno's runtime. Pure.
 */

import { packed } from "./bytecode/packed.ts";

/** An output, and the command lines that print it. */
export interface KnownText {
  /** The words after the program's name, one list for each command line. */
  lines: readonly (readonly string[])[];
  text: string;
}

const encode = (text: string) => new TextEncoder().encode(text);

/** The number of words in a byte, then the words, each with a NUL. */
const packedLine = (words: readonly string[]) => [
  words.length,
  ...words.flatMap((word) => [...encode(`${word}\0`)]),
];

/**
 * Packs a text for launch/native/known_texts.h: the length of everything, of the
 * command lines and of the text, then both.
 */
export function packedText(
  { lines, text }: KnownText,
): Uint8Array<ArrayBuffer> {
  const parts = [
    Uint8Array.from(lines.flatMap(packedLine)),
    encode(text),
  ];
  return packed(parts.map(({ length }) => length), parts);
}
