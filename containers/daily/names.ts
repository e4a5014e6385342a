/** Names of containers, and what a user may write for one. Runs on the host. */

import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Store } from "../store/store.ts";
import { clearDead } from "./dead.ts";
import { isThere, locked, NAME, ownerOf, readLink } from "./name_links.ts";

/** An id that we made. One that somebody chose has to be written whole. */
const GENERATED = /^[0-9a-f]{64}$/;
/** What is shown of an id. */
export const SHORT = 12;

/** As `ps` shows it: one of ours short, one that somebody chose whole. */
export const shortId = (id: string) =>
  GENERATED.test(id) ? id.slice(0, SHORT) : id;

/** Refuses what cannot be a name. */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new UsageError(
    `Invalid container name ${JSON.stringify(name)}`,
    "It takes letters, digits, and _ . - after the first.",
  );
}

/**
 * Gives a name to a container whose directory is there already.
 *
 * @throws ContainerError where another one has it, in docker's words
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
            `Remove that one (container rm ${name}), rename it, or take another name.`,
        },
      );
    }
    // An id is a name as well, and the stronger one.
    if (isThere(`${store.root}/${name}`)) {
      throw new ContainerError(
        `Cannot use the name ${name}: it is the id of a container`,
        { hint: "Take another name." },
      );
    }
    const path = `${directory}/${name}`;
    if (readLink(path) !== null) Deno.removeSync(path);
    Deno.symlinkSync(id, path);
  });
}

/** Whether a word is a container's whole id, or its name. */
export const isNamed = (store: Store, word: string): boolean =>
  store.has(word) || ownerOf(store, word) !== null;

/**
 * The ids that a word can stand for: that of an id or a name, or those of ours
 * that begin with it. Of an engine's id it has to be as much as `ps` shows, which
 * nobody types by accident.
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
 * The id that a word stands for; the word itself where there is no such
 * container, for who has words of his own for that.
 *
 * @throws ContainerError where there is more than one
 */
export const knownAs = (store: Store, word: string): string =>
  onlyOne(
    word,
    candidates(store, word).filter((id) => !clearDead(store, id)),
  );

/**
 * The id that a word stands for: an id, a name, or the beginning of one id. A
 * container that was to go with its end (`--rm`) is none, once it has ended.
 *
 * @throws ContainerError where there is none, or more than one
 */
export const findContainer = (store: Store, word: string): string =>
  thatThereIs(store, word, knownAs(store, word));

/** The same, and such a one too. */
export const findEvenDead = (store: Store, word: string): string =>
  thatThereIs(store, word, onlyOne(word, candidates(store, word)));

function onlyOne(word: string, found: readonly string[]): string {
  if (found.length < 2) return found[0] ?? word;
  throw new ContainerError(
    `Cannot tell which container ${word} is: ${
      found.map(shortId).join(", ")
    } begin with it`,
    { hint: "Write more of the id." },
  );
}

function thatThereIs(store: Store, word: string, id: string): string {
  if (store.peek(id)) return id;
  // Says what is wrong with its record, if it has one.
  if (store.has(id)) store.find(id)?.[Symbol.dispose]();
  throw store.missing(word, "`container ps -a` shows those that do.");
}

/** The name of a container that was given none: no word of it is a person's. */
export const generatedName = (id: string) => `box-${id.slice(0, 8)}`;
