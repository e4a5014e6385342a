/** What others have written, as it is shown. */

/** A text that can do nothing to a terminal, nor be more than one line. */
export function withoutControls(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (letter) => `\\u{${letter.codePointAt(0)!.toString(16)}}`,
  );
}
