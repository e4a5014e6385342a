/** Shows texts that others have written. */

const BYTE = 0xdc00;

/** Shows bytes that are no text (ffi/text.ts) as \xff. */
export const withBytesShown = (text: string): string =>
  text.isWellFormed() ? text : text.replace(
    /[\udc80-\udcff]/gu,
    (byte) => `\\x${(byte.charCodeAt(0) - BYTE).toString(16)}`,
  );

/**
 * Replaces characters that would control a terminal or start a new line, and
 * bytes that are no text (ffi/text.ts).
 */
export function withoutControls(text: string): string {
  return withBytesShown(text).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (letter) => `\\u{${letter.codePointAt(0)!.toString(16)}}`,
  );
}
