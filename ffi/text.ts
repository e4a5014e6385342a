/**
 * Text that C sees as bytes. Arguments, variables and file names of Linux are
 * bytes, which need not be UTF-8. As in Python (PEP 383), a byte that is not
 * UTF-8 becomes a character that no text contains: byte 0xff becomes U+DCFF,
 * half of a surrogate pair. Written back, it is the same byte again. Pure.
 */

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const ESCAPED = 0xdc00;
/** A byte that is not UTF-8. */
const ESCAPES = /[\udc80-\udcff]/gu;

/** What Deno puts in the place of bytes that are not UTF-8. */
export const REPLACEMENT = "\ufffd";

/** Whether Deno has replaced nothing in a text. */
export const isWhole = (text: string): boolean => !text.includes(REPLACEMENT);

/** Whether a text has no escaped bytes, so that it is text for every program. */
export const isText = (text: string): boolean => text.isWellFormed();

/**
 * The bytes of a text.
 *
 * @throws TypeError for half of a surrogate pair that stands for no byte
 */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  if (isText(text)) return encoder.encode(text);
  const pieces: Uint8Array[] = [];
  let from = 0;
  const add = (to: number) => {
    const piece = text.slice(from, to);
    if (!isText(piece)) {
      throw new TypeError(
        `Cannot pass ${JSON.stringify(text)}: it has half of a character`,
      );
    }
    pieces.push(encoder.encode(piece));
  };
  for (const { index, 0: escape } of text.matchAll(ESCAPES)) {
    add(index);
    pieces.push(new Uint8Array([escape.charCodeAt(0) - ESCAPED]));
    from = index + 1;
  }
  add(text.length);
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

/** The text of bytes. */
export function toText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return escaped(bytes);
  }
}

/** The text of bytes that are not all UTF-8. */
function escaped(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = lengthAt(bytes, at);
    text += length
      ? strict.decode(bytes.subarray(at, at + length))
      : String.fromCharCode(ESCAPED + bytes[at]!);
    at += length || 1;
  }
  return text;
}

/** The length of the character at a place; 0 if there is none. */
function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length = first < 0x80
    ? 1
    : first < 0xe0
    ? 2
    : first < 0xf0
    ? 3
    : first < 0xf8
    ? 4
    : 0;
  const character = bytes.subarray(at, at + length);
  if (character.length < length) return 0;
  try {
    strict.decode(character);
    return length;
  } catch {
    return 0;
  }
}
