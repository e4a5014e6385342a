/** Finds the id of the container that a command is for. */

import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { typedWords } from "../output.ts";
import { globals } from "./global.ts";

/**
 * The first word after the flags.
 *
 * @param more how many more words may follow
 * @throws {UsageError}
 */
export function idOf(flags: Flags, command: string, more = 0): string {
  const [id, ...rest] = flags.rest;
  if (id === undefined || rest.length > more) {
    throw new UsageError(
      id === undefined
        ? `container ${command} needs the ID of a container`
        : `container ${command} takes one ID`,
      `See container ${command} --help.`,
    );
  }
  return id;
}

/**
 * Refuses a name where only an ID is accepted, because an engine means exactly
 * the container with this ID.
 *
 * @throws {UsageError}
 */
export async function refuseName(
  word: string,
  command: string,
  hint: string,
): Promise<void> {
  const { store } = globals();
  if (store.has(word)) return;
  const { isNamed } = await import("../../containers/daily/names.ts");
  if (!isNamed(store, word)) return;
  throw new UsageError(
    `container ${command} takes an ID, and ${word} is the name of a container`,
    hint,
  );
}

/** The id of an existing container, see {@linkcode knownId}. */
export async function containerOf(
  flags: Flags,
  command: string,
  more = 0,
): Promise<string> {
  return await knownId(idOf(flags, command, more));
}

/**
 * The id of an existing container that a word refers to: an id, a name, or the
 * beginning of a generated id. Names are looked up only if there is no such id,
 * because an engine's containers have no names.
 */
export async function knownId(word: string): Promise<string> {
  const { store } = globals();
  if (store.has(word) && !store.peek(word)?.daily?.autoRemove) return word;
  const { idFor } = await import("../../containers/daily/names.ts");
  const id = idFor(store, word);
  if (id !== word) typedWords.set(id, word);
  return id;
}
