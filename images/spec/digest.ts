/**
 * Digests of content, as in the image specification, and hashing while data
 * streams. Pure.
 */

import { createHash, type Hash } from "node:crypto";

/** How a digest looks, for messages. */
export const DIGEST = "sha256:DIGEST";

/** The hexadecimal digits of each registered algorithm. */
const DIGITS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

const USUAL = /^sha256:[0-9a-f]{64}$/;

/** Whether a text is a digest of an algorithm that this program computes. */
export function isDigest(text: string): boolean {
  // Nearly all are; an index has thousands.
  if (USUAL.test(text)) return true;
  const [, algorithm = "", hex = ""] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(text) ??
    [];
  return Object.hasOwn(DIGITS, algorithm) && hex.length === DIGITS[algorithm];
}

/** The hexadecimal part of a digest. */
export const hexOf = (digest: string): string =>
  digest.slice(digest.indexOf(":") + 1);

/** The algorithm of a digest. */
export const algorithmOf = (digest: string): string =>
  digest.slice(0, digest.indexOf(":"));

/** The first digits of a digest, as in tables. */
export const shortDigest = (digest: string): string =>
  hexOf(digest).slice(0, 12);

/** The digest of some bytes. */
export const digestOf = (
  bytes: Uint8Array | string,
  algorithm = "sha256",
): string =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;

/** Computes a digest of the same algorithm as another, piece by piece. */
export class Digester {
  readonly #hash: Hash;
  readonly #algorithm: string;

  constructor(like = "sha256:") {
    this.#algorithm = algorithmOf(like);
    this.#hash = createHash(this.#algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The digest; no more bytes can be added. */
  end(): string {
    return `${this.#algorithm}:${this.#hash.digest("hex")}`;
  }
}

/**
 * The chain IDs of layers, as in the image specification: each names a layer on
 * top of those before it.
 */
export function chainIds(diffIds: readonly string[]): string[] {
  const chains: string[] = [];
  for (const diffId of diffIds) {
    const below = chains.at(-1);
    chains.push(
      below === undefined ? diffId : digestOf(`${below} ${diffId}`),
    );
  }
  return chains;
}
