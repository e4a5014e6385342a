/**
 * Names of containers, and what a user may write for one. A name is a symbolic
 * link to an id, in a directory whose own name can be no id. Runs on the host.
 */

import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Store } from "../oci/store.ts";

/** Docker's rule. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
/** An id that we made. One that somebody chose has to be written whole. */
const GENERATED = /^[0-9a-f]{64}$/;
const DIRECTORY = "@names";
const LOCK = ".lock";
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

/** No two commands give or take names at once; a killed one's lock ends with it. */
function locked<T>({ root }: Store, act: (directory: string) => T): T {
  const directory = `${root}/${DIRECTORY}`;
  Deno.mkdirSync(directory, { recursive: true, mode: 0o711 });
  using lock = Deno.openSync(`${directory}/${LOCK}`, {
    create: true,
    write: true,
    mode: 0o600,
  });
  lock.lockSync(true);
  return act(directory);
}

function readLink(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied
    ) return null;
    throw error;
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whose name it is: null where it is nobody's, or of one that is gone. */
function ownerOf({ root }: Store, name: string): string | null {
  const id = NAME.test(name) ? readLink(`${root}/${DIRECTORY}/${name}`) : null;
  return id !== null && isThere(`${root}/${id}`) ? id : null;
}

/**
 * Gives a name to a container whose directory is there already.
 *
 * @throws ContainerError where another one has it, in docker's words
 */
export function takeName(store: Store, name: string, id: string): void {
  checkName(name);
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

/** Takes a name back, if it is this container's. */
export function dropName(store: Store, name: string, id: string): void {
  if (!isThere(`${store.root}/${DIRECTORY}`)) return;
  locked(store, (directory) => {
    const path = `${directory}/${name}`;
    if (readLink(path) === id) Deno.removeSync(path);
  });
}

/** Takes back the names of containers that are gone. */
export function sweepNames(store: Store): void {
  if (!isThere(`${store.root}/${DIRECTORY}`)) return;
  locked(store, (directory) => {
    for (const { name, isSymlink } of Deno.readDirSync(directory)) {
      if (isSymlink && ownerOf(store, name) === null) {
        Deno.removeSync(`${directory}/${name}`);
      }
    }
  });
}

/**
 * The ids that a word can stand for: that of an id or a name, or those of ours
 * that begin with it.
 */
function candidates(store: Store, word: string): string[] {
  if (store.has(word)) return [word];
  const owner = ownerOf(store, word);
  if (owner !== null) return [owner];
  return /^[0-9a-f]+$/.test(word)
    ? store.ids().filter((id) =>
      GENERATED.test(id) && id.startsWith(word) && store.has(id)
    )
    : [];
}

/**
 * The id that a word stands for; the word itself where there is no such
 * container, for who has words of his own for that.
 *
 * @throws ContainerError where there is more than one
 */
export function knownAs(store: Store, word: string): string {
  const found = candidates(store, word);
  if (found.length < 2) return found[0] ?? word;
  throw new ContainerError(
    `Cannot tell which container ${word} is: ${
      found.map(shortId).join(", ")
    } begin with it`,
    { hint: "Write more of the id." },
  );
}

/**
 * The id that a word stands for: an id, a name, or the beginning of one id.
 *
 * @throws ContainerError where there is none, or more than one
 */
export function findContainer(store: Store, word: string): string {
  const id = knownAs(store, word);
  if (store.peek(id)) return id;
  // Says what is wrong with its record, if it has one.
  if (store.has(id)) store.find(id)?.[Symbol.dispose]();
  throw store.missing(word, "`container ps -a` shows those that do.");
}

/** The name of a container that was given none: no word of it is a person's. */
export const generatedName = (id: string) => `box-${id.slice(0, 8)}`;
