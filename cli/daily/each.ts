/** For commands that take containers by id, name or the beginning of an id. */

import { findContainer } from "../../containers/daily/names.ts";
import type { Store } from "../../containers/store/store.ts";
import { ContainerError, EXIT, UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { reportError } from "../each_word.ts";
import { print } from "../output.ts";

/**
 * The words of a command line; there must be at least one.
 *
 * @throws {UsageError}
 */
export function containersOf(flags: Flags, command: string): readonly string[] {
  if (flags.rest.length) return flags.rest;
  throw new UsageError(
    `container ${command} needs a container`,
    "Give its name, its ID, or the first characters of its ID; `container ps` shows them.",
  );
}

/**
 * The id of the only container that a command takes.
 *
 * @throws {UsageError} for more than one word, {ContainerError} if it does not
 * exist
 */
export function oneContainer(flags: Flags, command: string): string {
  const [word, ...more] = containersOf(flags, command);
  if (!more.length) return findContainer(globals().store, word!);
  throw new UsageError(
    `container ${command} takes one container`,
    `See container ${command} --help.`,
  );
}

/**
 * Carries out an action for all containers concurrently. Prints the words for
 * which it succeeded, in their order, and the errors of the others. A container
 * that is named twice is handled once.
 *
 * @param options.find finds a container by a word
 * @returns the exit status
 */
export async function forEach(
  words: readonly string[],
  act: (store: Store, id: string, word: string) => unknown,
  { quiet = false, find = findContainer } = {},
): Promise<number> {
  const { store } = globals();
  let status = 0;
  const acts = new Map<string, Promise<unknown>>();
  const outcomes = await Promise.allSettled(words.map(async (word) => {
    const id = find(store, word);
    const done = acts.get(id) ??
      Promise.resolve().then(() => act(store, id, word));
    acts.set(id, done);
    return await done;
  }));
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") {
      if (!quiet) print(words[index]!);
      continue;
    }
    const { reason } = outcome;
    if (!(reason instanceof ContainerError)) throw reason;
    reportError(reason);
    status ||= reason.status || EXIT.failure;
  }
  return status;
}
