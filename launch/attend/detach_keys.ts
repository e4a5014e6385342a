/** The keys that leave a container alone, as docker's `--detach-keys`. Pure. */

import { UsageError } from "../../spec/errors.ts";

/** What docker has. */
export const DETACH_KEYS = "ctrl-p,ctrl-q";

const CTRL = 0x40;

/**
 * Reads `ctrl-p,ctrl-q` or `a,b`: single characters, or `ctrl-` and one of
 * `a` to `z`, `@`, `[`, `\`, `]`, `^`, `_`.
 *
 * @returns the bytes that are typed by them; none for an empty text
 */
export function parseDetachKeys(text: string): Uint8Array {
  if (!text) return new Uint8Array();
  return Uint8Array.from(text.split(","), (key) => {
    const letter = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (letter) return letter.toUpperCase().charCodeAt(0) - CTRL;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new UsageError(
      `--detach-keys ${text}: ${JSON.stringify(key)} is no key`,
      `Give characters or ctrl-LETTER with commas between, like ${DETACH_KEYS}.`,
    );
  });
}

/** Finds the keys among what is typed, however it is cut into pieces. */
export class DetachKeys {
  readonly #keys: Uint8Array;
  /** How many of them were typed last. */
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /**
   * Takes what was typed. What may be a beginning of the keys is kept back until
   * it is known.
   *
   * @returns what is for the container, and whether the keys came after it
   */
  take(typed: Uint8Array): { bytes: Uint8Array; detached: boolean } {
    const keys = this.#keys;
    if (!keys.length) return { bytes: typed, detached: false };
    const bytes: number[] = [];
    for (const byte of typed) {
      // What was kept back may hold a later beginning: a, a, b in a, a, a, b.
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
