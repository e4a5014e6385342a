/**
 * The images of this machine. Runs on the host, in the command's process.
 */

import { ContainerError, UsageError } from "../../spec/errors.ts";
import { isDigest } from "../spec/digest.ts";
import { INDEX, isOneOf } from "../spec/media_types.ts";
import {
  asReference,
  familiarName,
  fullName,
  type Reference,
  withDefaultTag,
} from "../spec/reference.ts";
import { checkStore } from "./check_store.ts";
import { collect, type Collected } from "./collect.ts";
import { entryNamed } from "./entry_named.ts";
import { recordIds } from "./ids.ts";
import {
  type IndexEntry,
  LAYOUT,
  readIndex,
  replaceFile,
  REPOSITORY,
  SOURCE,
  writeIndex,
} from "./layout.ts";
import { STORE_VERSION, storeError, textOrNull } from "./places.ts";
import {
  readSummaries,
  type Summaries,
  summarize,
  type Summary,
} from "./summaries.ts";
import {
  addToIndex,
  lockStore,
  lookAtWorks,
  withoutName,
  Work,
} from "./work.ts";

/** An image of the store, under one of its names. */
export interface StoredImage extends Summary {
  /** The digest of its manifest. */
  digest: string;
  entry: IndexEntry;
  /** Its full name: `docker.io/library/alpine:3.20`. */
  name?: string;
  /** The digest by which its registry knows it. */
  source?: string;
  /** The repository that it came from. */
  repository?: string;
}

/** The fewest digits of an ID that name an image. */
const SHORTEST_ID = 3;

/** A store of images. */
export class ImageStore {
  private constructor(readonly path: string) {}

  /**
   * Opens a store. A store that does not exist is empty, and is made when
   * something is added.
   *
   * @throws {ContainerError} if it is of a newer version, belongs to another
   * user, or is something else
   */
  static open(path: string): ImageStore {
    checkStore(path);
    return new ImageStore(path);
  }

  /** Makes the directories and files of the store that are missing. */
  make(): void {
    const { path } = this;
    if (textOrNull(`${path}/version`) !== null) return;
    try {
      Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
      using _lock = lockStore(path);
      for (const name of ["blobs", "blobs/sha256", "layers", "work"]) {
        Deno.mkdirSync(`${path}/${name}`, { recursive: true, mode: 0o755 });
      }
      if (textOrNull(`${path}/oci-layout`) === null) {
        replaceFile(`${path}/oci-layout`, LAYOUT);
      }
      if (readIndex(path) === null) writeIndex(path, []);
      // Last: a store with a version is complete.
      replaceFile(`${path}/version`, `${STORE_VERSION}\n`);
    } catch (error) {
      throw storeError(path, error);
    }
  }

  /**
   * Begins to add something. What killed commands have left is removed first.
   * The caller disposes of the work.
   */
  begin(): Work {
    this.make();
    recordIds(this.path);
    if (this.#hasDeadWorks()) {
      collect(this.path, { only: { blobs: [], chains: [] } });
    }
    return Work.begin(this.path);
  }

  #hasDeadWorks(): boolean {
    using _lock = lockStore(this.path);
    return lookAtWorks(this.path).left.length > 0;
  }

  /** All images: one for each name, and those without a name. */
  images(): StoredImage[] {
    const summaries = readSummaries(this.path);
    return (readIndex(this.path) ?? []).flatMap((entry) => {
      try {
        const image = this.#stored(entry, summaries);
        return image ? [image] : [];
      } catch (error) {
        // An artifact of another tool, or damaged.
        if (error instanceof ContainerError) return [];
        throw error;
      }
    });
  }

  /**
   * The image of an entry; null for a list of images, which only other tools
   * put into the store.
   */
  #stored(entry: IndexEntry, summaries: Summaries): StoredImage | null {
    if (isOneOf(INDEX, entry.mediaType)) return null;
    const summary = summaries.get(entry.digest) ??
      summarize(this.path, entry.digest);
    const { name, digest, annotations = {} } = entry;
    return {
      ...summary,
      digest,
      entry,
      ...name === undefined ? {} : { name },
      ...SOURCE in annotations ? { source: annotations[SOURCE] } : {},
      ...REPOSITORY in annotations
        ? { repository: annotations[REPOSITORY] }
        : {},
    };
  }

  /**
   * The image with exactly this name; null if there is none.
   *
   * @throws {ContainerError} if it is damaged
   */
  named(reference: Reference): StoredImage | null {
    const entry = entryNamed(this.path, reference);
    return entry && this.#stored(entry, readSummaries(this.path));
  }

  /**
   * Finds an image by its name, its ID, or the first digits of its ID.
   *
   * @param aliases turns a name into the one that pull would fetch
   * @throws {ContainerError} if there is none, or if the digits are ambiguous
   */
  find(
    word: string,
    aliases: (word: string) => Reference[] = ownName,
  ): StoredImage {
    for (const reference of aliases(word)) {
      const image = this.named(reference);
      if (image) return image;
    }
    const digits = /^(?:sha256:)?([0-9a-f]+)$/.exec(word)?.[1] ?? "";
    const byId = digits.length < SHORTEST_ID
      ? []
      : this.images().filter(({ id, digest }) =>
        id.startsWith(`sha256:${digits}`) || digest === word
      );
    const ids = [...new Set(byId.map(({ id }) => id))];
    if (ids.length > 1) {
      throw new ContainerError(`Several images have IDs that begin ${word}`, {
        hint: "Give more digits: container images --no-trunc shows them all.",
      });
    }
    if (byId[0]) return byId[0];
    throw missing(word);
  }

  /**
   * Gives an image a further name, or takes the name from another image.
   *
   * @throws {ContainerError}
   */
  tag(image: StoredImage, name: Reference): void {
    if (name.digest !== undefined) {
      throw new UsageError(
        `Cannot name an image ${
          familiarName(name)
        }: a name with a digest is given by pull only`,
        "Give a name with a tag.",
      );
    }
    this.make();
    using _lock = lockStore(this.path);
    this.#check(image);
    const { entry, source, repository } = image;
    addToIndex(this.path, {
      descriptor: entry,
      name: fullName(withDefaultTag(name)),
      source,
      repository,
    });
  }

  /** Another command may have removed the image in the meantime. */
  #check({ digest, name, id }: StoredImage): void {
    if ((readIndex(this.path) ?? []).some((one) => one.digest === digest)) {
      return;
    }
    throw missing(name ?? id);
  }

  /**
   * Removes entries of the index, and what no other image needs.
   *
   * @param options.keep keeps an image whose last name is removed, as one
   * without a name
   */
  remove(
    images: readonly StoredImage[],
    { keep = false, measure = false } = {},
  ): Collected {
    const gone = new Set(images.map(({ entry }) => keyOf(entry)));
    // The layout can be another tool's, in which nothing was added yet.
    this.make();
    {
      using _lock = lockStore(this.path);
      const entries = readIndex(this.path) ?? [];
      const left = entries.filter((entry) => !gone.has(keyOf(entry)));
      const nameless = keep
        ? entries.filter((entry) =>
          gone.has(keyOf(entry)) &&
          !left.some(({ digest }) => digest === entry.digest)
        ).map(withoutName)
        : [];
      writeIndex(this.path, [...left, ...nameless]);
    }
    return collect(this.path, {
      measure,
      only: {
        blobs: images.flatMap(({ digest, id, blobs }) => [
          digest,
          id,
          ...blobs,
        ]),
        chains: images.flatMap(({ chains }) => chains),
      },
    });
  }
}

const keyOf = ({ digest, name }: IndexEntry) => `${name ?? ""} ${digest}`;

const ownName = (word: string): Reference[] => {
  const reference = asReference(word);
  return reference ? [reference] : [];
};

/** The error for an image that is not here. */
export function missing(word: string): ContainerError {
  const reference = isDigest(word) ? null : asReference(word);
  return new ContainerError(`There is no image ${word} here`, {
    hint: reference
      ? `container pull ${
        familiarName(withDefaultTag(reference))
      } fetches it; container images lists those that are here.`
      : "container images lists those that are here.",
  });
}
