/**
 * Decides whether the first word of `run` is an image or a command. A typing
 * error never runs code from the network: only a word that names a registry, a
 * tag or a digest is fetched. Pure.
 */

import { asReference, meansImage } from "../../../images/spec/reference.ts";
import { namesTransport, parsePlace } from "../../../images/spec/transport.ts";

/** What is known about a word. */
export interface WordFacts {
  /** A flag has named the root filesystem. */
  hasRoot: boolean;
  /** Whether the default root filesystem has a command or file of this name. */
  isCommand(): Promise<boolean>;
  /** Whether an image of this name or ID is here. */
  isHere(): Promise<boolean>;
}

/** The meaning of a word. */
export type Meaning =
  /** `couldBe`: it could also be the name of an image, which is not here. */
  | { kind: "command"; couldBe: boolean }
  /** `fetch`: the image may be fetched. */
  | { kind: "image"; fetch: boolean }
  /** An image in a place that skopeo(1) names by a transport. */
  | { kind: "place"; transport: string };

const COMMAND: Meaning = { kind: "command", couldBe: false };

/** Finds out what a word means. */
export async function meaningOf(
  word: string,
  { hasRoot, isCommand, isHere }: WordFacts,
): Promise<Meaning> {
  if (hasRoot || /^(\/|\.\.?\/)/.test(word)) return COMMAND;
  if (transportOf(word) !== null || meansImage(word)) {
    return meaningOfImage(word);
  }
  if (!asReference(word)) return COMMAND;
  if (await isCommand()) return COMMAND;
  return await isHere()
    ? { kind: "image", fetch: false }
    : { kind: "command", couldBe: true };
}

/** The meaning of a word that is said to be an image. */
export function meaningOfImage(
  word: string,
): Exclude<Meaning, { kind: "command" }> {
  const transport = transportOf(word) ?? "docker";
  return transport === "docker"
    ? { kind: "image", fetch: true }
    : { kind: "place", transport };
}

/**
 * The transport that a word names; null for another word.
 *
 * @throws {UsageError} if nothing is named after it
 */
const transportOf = (word: string): string | null =>
  /^[a-z-]+:./.test(word) && namesTransport(word)
    ? parsePlace(word).transport
    : null;
