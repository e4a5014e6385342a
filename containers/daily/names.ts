/**
 * Names of containers, and the words by which a user can refer to one. Runs on
 * the host, in the process of the command.
 */

import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Store } from "../store/store.ts";
import { clearDead } from "./dead.ts";
import { isThere, locked, NAME, ownerOf, readLink } from "./name_links.ts";

/**
 * An id that this program has generated. Only such an id can be abbreviated.
 */
const GENERATED = /^[0-9a-f]{64}$/;
/** How many digits of an id are shown. */
export const SHORT = 12;

/** The id as `ps` shows it: a generated id short, a chosen id in full. */
export const shortId = (id: string) =>
  GENERATED.test(id) ? id.slice(0, SHORT) : id;

/**
 * Refuses an invalid name.
 *
 * @throws {UsageError}
 */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new UsageError(
    `Invalid container name ${JSON.stringify(name)}`,
    "Use letters, digits, and after the first character also _ . -",
  );
}

/**
 * Gives a name to a container. Its directory must exist already.
 *
 * @throws {ContainerError} if another container has it, in docker's words
 */
export function takeName(store: Store, name: string, id: string): void {
  checkName(name);
  const before = ownerOf(store, name);
  if (before !== null) clearDead(store, before);
  locked(store, (directory) => {
    const owner = ownerOf(store, name);
    if (owner !== null) {
      throw new ContainerError(
        `Cannot use the name ${name}: it is already in use by container ${
          shortId(owner)
        }`,
        {
          hint:
            `Remove that container (container rm ${name}), rename it, or choose another name.`,
        },
      );
    }
    // Ids and names share one namespace, and an id takes precedence.
    if (isThere(`${store.root}/${name}`)) {
      throw new ContainerError(
        `Cannot use the name ${name}: it is the ID of a container`,
        { hint: "Choose another name." },
      );
    }
    const path = `${directory}/${name}`;
    if (readLink(path) !== null) Deno.removeSync(path);
    Deno.symlinkSync(id, path);
  });
}

/** Whether a word is a container's full id or its name. */
export const isNamed = (store: Store, word: string): boolean =>
  store.has(word) || ownerOf(store, word) !== null;

/**
 * The ids that a word can refer to: an exact id or name, else the generated ids
 * that begin with it. To abbreviate a generated id that `run` has not recorded
 * (one of an engine), a user must type all the digits that `ps` shows, which
 * does not happen by accident.
 */
function candidates(store: Store, word: string): string[] {
  if (store.has(word)) return [word];
  const owner = ownerOf(store, word);
  if (owner !== null) return [owner];
  return /^[0-9a-f]+$/.test(word)
    ? store.ids().filter((id) =>
      GENERATED.test(id) && id.startsWith(word) &&
      (word.length < SHORT ? store.peek(id)?.daily : store.has(id))
    )
    : [];
}

/**
 * The id that a word refers to, or the word itself if there is no such
 * container. For callers with their own error message.
 *
 * @throws {ContainerError} if the word is ambiguous
 */
export const idFor = (store: Store, word: string): string =>
  onlyOne(
    word,
    candidates(store, word).filter((id) => !clearDead(store, id)),
  );

/**
 * The id that a word refers to: an id, a name, or the beginning of one id. A
 * container of `--rm` that has ended is not found.
 *
 * @throws {ContainerError} if there is none, or the word is ambiguous
 */
export const findContainer = (store: Store, word: string): string =>
  requireExisting(store, word, idFor(store, word));

/**
 * {@linkcode findContainer}, but it also finds containers of `--rm` that have
 * ended.
 */
export const findEvenDead = (store: Store, word: string): string =>
  requireExisting(store, word, onlyOne(word, candidates(store, word)));

function onlyOne(word: string, found: readonly string[]): string {
  if (found.length < 2) return found[0] ?? word;
  throw new ContainerError(
    `Cannot tell which container ${word} means: the IDs ${
      found.map(shortId).join(", ")
    } begin with it`,
    { hint: "Give more characters of the ID." },
  );
}

function requireExisting(store: Store, word: string, id: string): string {
  if (store.peek(id)) return id;
  // If there is a record, this reports what is wrong with it.
  if (store.has(id)) store.find(id)?.[Symbol.dispose]();
  throw store.missing(word);
}

/** The default name of a container. It contains nobody's name. */
export const generatedName = (id: string) => `box-${id.slice(0, 8)}`;
