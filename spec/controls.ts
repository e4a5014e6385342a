/** Shows texts that others have written. */

/** Replaces characters that would control a terminal or start a new line. */
export function withoutControls(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (letter) => `\\u{${letter.codePointAt(0)!.toString(16)}}`,
  );
}
