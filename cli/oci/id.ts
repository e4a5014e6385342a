/** The id that a command on one container takes. */

import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { globals } from "./global.ts";

/**
 * The first word after the flags.
 *
 * @param more how many words may come after it
 */
export function idOf(flags: Flags, command: string, more = 0): string {
  const [id, ...rest] = flags.rest;
  if (id === undefined || rest.length > more) {
    throw new UsageError(
      id === undefined
        ? `container ${command} needs an id`
        : `container ${command} takes one id`,
      `See container ${command} --help.`,
    );
  }
  return id;
}

/** The same for a container that there is, see {@linkcode knownId}. */
export async function containerOf(
  flags: Flags,
  command: string,
  more = 0,
): Promise<string> {
  return await knownId(idOf(flags, command, more));
}

/**
 * The id of a container that there is, which may have been given by its name or
 * by the beginning of an id of ours. Names are looked for where there is no such
 * id: engines have none.
 */
export async function knownId(word: string): Promise<string> {
  const { store } = globals();
  if (store.has(word) && !store.peek(word)?.daily?.autoRemove) return word;
  const { idFor } = await import("../../containers/daily/names.ts");
  return idFor(store, word);
}
