/**
 * The keys that detach from a container, like docker's `--detach-keys`. Pure.
 */

import { UsageError } from "../../spec/errors.ts";

/** Docker's default. */
export const DETACH_KEYS = "ctrl-p,ctrl-q";

const CTRL = 0x40;

/**
 * Reads `ctrl-p,ctrl-q` or `a,b`: single characters, or `ctrl-` with one of `a`
 * to `z`, `@`, `[`, `\`, `]`, `^`, `_`.
 *
 * @returns the bytes that these keys type; none for an empty text
 * @throws UsageError for anything else
 */
export function parseDetachKeys(text: string): Uint8Array {
  if (!text) return new Uint8Array();
  return Uint8Array.from(text.split(","), (key) => {
    const letter = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (letter) return letter.toUpperCase().charCodeAt(0) - CTRL;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new UsageError(
      `--detach-keys ${text}: ${JSON.stringify(key)} is not a key`,
      `Use single characters or ctrl-LETTER, separated by commas, like ${DETACH_KEYS}.`,
    );
  });
}

/**
 * Finds the keys in the typed bytes, however the bytes are split into pieces.
 */
export class DetachKeys {
  readonly #keys: Uint8Array;
  /** The number of keys that the last typed bytes match. */
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /**
   * Takes typed bytes. Bytes that may be a beginning of the keys are held back
   * until the next ones decide.
   *
   * @returns the bytes for the container, and whether the keys came after them
   */
  take(typed: Uint8Array): { bytes: Uint8Array; detached: boolean } {
    const keys = this.#keys;
    if (!keys.length) return { bytes: typed, detached: false };
    const bytes: number[] = [];
    for (const byte of typed) {
      // The held back bytes may contain a later beginning of the keys: with the
      // keys a, a, b, the input a, a, a, b matches at its second a.
      while (this.#matched && byte !== keys[this.#matched]) {
        const kept = keys.subarray(0, this.#matched);
        let shorter = this.#matched - 1;
        while (!same(kept.subarray(kept.length - shorter), keys, shorter)) {
          shorter--;
        }
        bytes.push(...kept.subarray(0, kept.length - shorter));
        this.#matched = shorter;
      }
      if (byte !== keys[this.#matched]) bytes.push(byte);
      else if (++this.#matched === keys.length) {
        this.#matched = 0;
        return { bytes: Uint8Array.from(bytes), detached: true };
      }
    }
    return { bytes: Uint8Array.from(bytes), detached: false };
  }
}

const same = (a: Uint8Array, b: Uint8Array, length: number) =>
  a.every((byte, at) => at >= length || byte === b[at]);
