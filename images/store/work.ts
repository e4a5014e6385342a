/**
 * The work of one command that adds images: everything is made in a directory
 * of its own and renamed to its place at the end. A command that is killed
 * leaves only that directory, and its lock is free then.
 *
 * A work also pins what it is going to use: nothing that it names is collected
 * while it lasts, even if no image has it yet.
 */

import { AT_FDCWD } from "../../ffi/fcntl.ts";
import { syncDirectory, syncFileSystem } from "../../ffi/sync.ts";
import { ContainerError } from "../../spec/errors.ts";
import { fromText } from "../tar/byte_string.ts";
import { removeTree } from "../layers/remove_tree.ts";
import { hexOf } from "../spec/digest.ts";
import type { Descriptor } from "../spec/types.ts";
import {
  type IndexEntry,
  indexEntry,
  readIndex,
  replaceFile,
  REPOSITORY,
  SOURCE,
  writeIndex,
} from "./layout.ts";
import { lockFile, tryLockFile } from "./locks.ts";
import {
  blobFile,
  layerDirectory,
  namesIn,
  statOrNull,
  storeError,
  textOrNull,
  withRoom,
} from "./places.ts";
import {
  type LayerRecord,
  readSummaries,
  summarize,
  writeSummaries,
} from "./summaries.ts";

/** What a work uses: blobs by digest, layers by chain ID. */
export interface Pins {
  blobs: string[];
  chains: string[];
}

/** The image that a work adds. */
export interface NewImage {
  descriptor: Descriptor;
  /** Its full name; none for an image without a name. */
  name?: string;
  /** The digest by which the registry knows it. */
  source?: string;
  /** Its repository in the registry. */
  repository?: string;
}

const worksIn = (store: string) => `${store}/work`;

/** Takes the lock of a store, which is held around each change. */
export const lockStore = (store: string): Disposable =>
  lockFile(`${store}/lock`);

/** The directory of one command that adds to a store. */
export class Work implements Disposable {
  readonly #lock: Disposable;
  readonly #pins: Pins = { blobs: [], chains: [] };
  /** What has been made here, and where it belongs. */
  readonly #made = new Map<string, string>();
  #count = 0;

  private constructor(readonly store: string, readonly path: string) {
    this.#lock = lockFile(`${path}/lock`);
  }

  /** Begins a work. The caller disposes of it. */
  static begin(store: string): Work {
    // With the store's lock: the directory exists without a lock of its own
    // for a moment, and would be taken for that of a killed command.
    using _lock = lockStore(store);
    const path = `${worksIn(store)}/${crypto.randomUUID()}`;
    try {
      withRoom(store, () => Deno.mkdirSync(path, { mode: 0o700 }));
    } catch (error) {
      throw storeError(store, error);
    }
    return new Work(store, path);
  }

  /** Keeps blobs and layers from being collected while this work lasts. */
  pin(blobs: Iterable<string>, chains: Iterable<string> = []): void {
    using _lock = lockStore(this.store);
    this.#pins.blobs.push(...blobs);
    this.#pins.chains.push(...chains);
    // After a power cut this work is over.
    replaceFile(`${this.path}/pins.json`, JSON.stringify(this.#pins), {
      sync: false,
    });
  }

  /** A file for the content of a blob. It becomes the blob with the commit. */
  blob(digest: string): string {
    const path = `${this.path}/blob-${this.#count++}`;
    this.#made.set(path, blobFile(this.store, digest));
    return path;
  }

  /**
   * The place for the files of a layer, where the caller makes a directory. It
   * becomes the layer with the commit.
   */
  layer(chain: string): string {
    const path = this.#layerPath(chain);
    Deno.mkdirSync(path, { mode: 0o755 });
    this.#made.set(path, layerDirectory(this.store, chain));
    return this.layerFiles(chain);
  }

  /**
   * The place for the files of a layer whose chain ID is not known yet. Only one
   * at a time.
   */
  newLayer(): string {
    Deno.mkdirSync(`${this.path}/layer-new`, { mode: 0o755 });
    return `${this.path}/layer-new/diff`;
  }

  /** The chain ID of the layer of newLayer() is known. */
  adoptLayer(chain: string): void {
    const path = this.#layerPath(chain);
    Deno.renameSync(`${this.path}/layer-new`, path);
    this.#made.set(path, layerDirectory(this.store, chain));
  }

  /** The files of a layer that this work makes. */
  layerFiles(chain: string): string {
    return `${this.#layerPath(chain)}/diff`;
  }

  #layerPath(chain: string): string {
    return `${this.path}/layer-${hexOf(chain)}`;
  }

  /** Notes what a layer of this work contains. */
  layerDone(chain: string, record: LayerRecord): void {
    Deno.writeTextFileSync(
      `${this.#layerPath(chain)}/layer.json`,
      JSON.stringify(record),
    );
  }

  /**
   * Writes everything to the disk, moves it to its places and adds images to
   * the index. An image that had such a name becomes one without a name.
   *
   * @param images none if the index has it already, or gets it later
   * @throws {ContainerError}
   */
  commit(...images: readonly NewImage[]): void {
    // Before the renames: a power cut afterwards finds whole files only.
    syncFileSystem(this.path);
    using _lock = lockStore(this.store);
    for (const [from, to] of this.#made) this.#move(from, to);
    syncDirectory(`${this.store}/layers`);
    this.#made.clear();
    for (const image of images) addToIndex(this.store, image);
  }

  /** What has been committed may be collected, if no image has it. */
  unpin(): void {
    this.#pins.blobs.length = this.#pins.chains.length = 0;
    this.pin([]);
  }

  /** Moves a blob or a layer. Another command may have made the same one. */
  #move(from: string, to: string): void {
    if (statOrNull(from) === null) return;
    try {
      Deno.mkdirSync(to.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.renameSync(from, to);
    } catch (error) {
      if (!isThere(error)) throw storeError(to, error);
    }
  }

  /** Ends the work: what has not been committed is removed. */
  [Symbol.dispose](): void {
    try {
      // A layer's tree can be deeper than paths may be long.
      removeTree(AT_FDCWD, fromText(this.path));
    } catch (error) {
      // The next command that looks for killed ones removes it.
      if (!(error instanceof ContainerError)) throw error;
    }
    this.#lock[Symbol.dispose]();
  }
}

/** Whether a rename failed because the directory is there already. */
const isThere = (error: unknown) =>
  error instanceof Deno.errors.AlreadyExists ||
  error instanceof Error && /os error 39\)/.test(error.message);

/** Adds an image to the index; the caller has the store's lock. */
export function addToIndex(store: string, image: NewImage): void {
  const { descriptor, name, source, repository } = image;
  const { digest } = descriptor;
  const before = readIndex(store) ?? [];
  // An image that has a name already does not become one without.
  if (name === undefined && before.some((one) => one.digest === digest)) return;
  const entries = before.filter((entry) =>
    // An image without a name gets one.
    !(entry.digest === digest && entry.name === undefined) &&
    !(entry.digest === digest && entry.name === name)
  );
  const others = entries.filter((entry) => entry.name !== name);
  const replaced = entries.filter((entry) =>
    name !== undefined && entry.name === name &&
    !others.some((other) => other.digest === entry.digest)
  );
  const summaries = readSummaries(store);
  if (!summaries.has(digest)) {
    summaries.set(digest, summarize(store, digest));
    writeSummaries(store, summaries);
  }
  writeIndex(store, [
    ...others,
    ...replaced.map(withoutName),
    indexEntry(descriptor, { name, source, repository }),
  ]);
}

/** An image whose name another image has got. */
export function withoutName(entry: IndexEntry): IndexEntry {
  const { annotations = {} } = entry;
  return indexEntry(entry, {
    source: annotations[SOURCE],
    repository: annotations[REPOSITORY],
  });
}

function pinsOf(work: string): Pins {
  const text = textOrNull(`${work}/pins.json`);
  try {
    if (text !== null) return JSON.parse(text) as Pins;
  } catch (error) {
    // A power cut can leave an empty file. The work is over then.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { blobs: [], chains: [] };
}

/** The works of a store: those that go on, and those of killed commands. */
export interface Works {
  /** What works that go on have pinned. */
  live: Pins;
  /** What works of killed commands had pinned. */
  dead: Pins;
  /** The directories of killed commands. */
  left: string[];
}

/** Looks at all works; the caller has the store's lock. */
export function lookAtWorks(store: string): Works {
  const works: Works = {
    live: { blobs: [], chains: [] },
    dead: { blobs: [], chains: [] },
    left: [],
  };
  for (const name of namesIn(worksIn(store))) {
    const path = `${worksIn(store)}/${name}`;
    const lock = tryLockFile(`${path}/lock`);
    const { blobs, chains } = pinsOf(path);
    const into = lock === "taken" ? works.live : works.dead;
    into.blobs.push(...blobs);
    into.chains.push(...chains);
    if (lock === "taken") continue;
    works.left.push(path);
    if (lock !== "missing") lock[Symbol.dispose]();
  }
  return works;
}
