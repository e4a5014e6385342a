/**
 * Removes what no image needs. What an image needs is found by reachability: an
 * entry of the index, its manifest, what that names. What a command is adding
 * is pinned by its work, and what a container uses by the list next to its
 * changes.
 *
 * Garbage is renamed into a work while the store is locked, and removed
 * afterwards. If that is interrupted, the next command removes the work.
 */

import { ContainerError } from "../../spec/errors.ts";
import { isDigest } from "../spec/digest.ts";
import { Untrusted } from "../spec/untrusted.ts";
import { lookAtContainers } from "./containers.ts";
import { type IndexEntry, readIndex } from "./layout.ts";
import {
  blobFile,
  layerDirectory,
  namesIn,
  statOrNull,
  storeError,
} from "./places.ts";
import { readBlob } from "./blobs.ts";
import { readyDigests, readyFile } from "./ready.ts";
import {
  readSummaries,
  type Summaries,
  summarize,
  writeSummaries,
} from "./summaries.ts";
import { lockStore, lookAtWorks, type Pins, Work } from "./work.ts";
import { diskUsage } from "./disk_usage.ts";

/** What a collection has removed. */
export interface Collected {
  /** The digests of blobs. */
  blobs: string[];
  /** The number of unpacked layers. */
  layers: number;
  /** The space that is free again; 0 if it was not to be measured. */
  bytes: number;
}

/** What the images of an index need. */
interface Needed {
  blobs: Set<string>;
  /** The names of directories in `layers`. */
  chains: Set<string>;
}

/** All digests that a manifest or an index names, whatever its kind. */
function* named(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "digest" && typeof inner === "string" && isDigest(inner)) {
      yield inner;
    } else yield* named(inner);
  }
}

/** What an entry of another tool needs: an index, or an artifact. */
function follow(store: string, digest: string, found: Set<string>): void {
  if (found.has(digest)) return;
  found.add(digest);
  try {
    // A layer is larger, or is no JSON.
    const { value } = Untrusted.parse(digest, readBlob(store, digest));
    for (const next of named(value)) follow(store, next, found);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
  }
}

function neededBy(
  store: string,
  entries: readonly IndexEntry[],
  summaries: Summaries,
): Needed {
  const blobs = new Set<string>();
  const chains = new Set<string>();
  for (const { digest } of entries) {
    try {
      const summary = summaries.get(digest) ?? summarize(store, digest);
      summaries.set(digest, summary);
      for (const blob of [digest, summary.id, ...summary.blobs]) {
        blobs.add(blob);
      }
      for (const chain of summary.chains) {
        chains.add(layerDirectory(store, chain));
      }
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      follow(store, digest, blobs);
    }
  }
  return { blobs, chains };
}

/** All blobs of a store. Files that other tools are writing are none. */
function allBlobs(store: string): string[] {
  return namesIn(`${store}/blobs`).flatMap((algorithm) =>
    namesIn(`${store}/blobs/${algorithm}`).map((hex) => `${algorithm}:${hex}`)
  ).filter(isDigest);
}

/**
 * Removes garbage, and what killed commands have left.
 *
 * @param options.only looks at these blobs and layers only, so that the time
 * does not grow with the store
 * @param options.measure whether to measure the space
 * @throws {ContainerError}
 */
export function collect(
  store: string,
  { only, measure = false }: { only?: Pins; measure?: boolean } = {},
): Collected {
  const removed: Collected = { blobs: [], layers: 0, bytes: 0 };
  // A store without this directory has never had an image.
  if (statOrNull(`${store}/work`) === null) return removed;
  using work = Work.begin(store);
  const garbage: string[] = [];
  const discard = (path: string): boolean => {
    if (statOrNull(path) === null) return false;
    const to = `${work.path}/garbage-${garbage.length}`;
    try {
      Deno.renameSync(path, to);
    } catch (error) {
      throw storeError(path, error);
    }
    garbage.push(to);
    return true;
  };
  {
    using _lock = lockStore(store);
    const { live, dead, left } = lookAtWorks(store);
    const summaries = readSummaries(store);
    const known = summaries.size;
    const entries = readIndex(store) ?? [];
    const needed = neededBy(store, entries, summaries);
    const containers = lookAtContainers(store);
    for (const pins of [live, containers.uses]) {
      for (const blob of pins.blobs) needed.blobs.add(blob);
      for (const chain of pins.chains) {
        needed.chains.add(layerDirectory(store, chain));
      }
    }
    const blobs = only
      ? [...only.blobs, ...dead.blobs]
      : [...readyDigests(store), ...allBlobs(store)];
    const layers = only
      ? [...only.chains, ...dead.chains].map((chain) =>
        layerDirectory(store, chain)
      )
      : namesIn(`${store}/layers`).map((name) => `${store}/layers/${name}`);
    for (const digest of new Set(blobs)) {
      if (needed.blobs.has(digest)) continue;
      // Before its layers: the file says that they are there.
      discard(readyFile(store, digest));
      if (discard(blobFile(store, digest))) removed.blobs.push(digest);
    }
    for (const path of new Set(layers)) {
      if (!needed.chains.has(path) && discard(path)) removed.layers++;
    }
    left.forEach(discard);
    containers.dead.forEach(discard);
    dropSummaries(store, summaries, entries, known);
  }
  if (measure) {
    const seen = new Set<string>();
    for (const path of garbage) removed.bytes += diskUsage(path, seen);
  }
  return removed;
}

/** Removes the summaries of images that are gone. */
function dropSummaries(
  store: string,
  summaries: Summaries,
  entries: readonly IndexEntry[],
  known: number,
): void {
  const kept = new Set(entries.map(({ digest }) => digest));
  const stale = [...summaries.keys()].filter((digest) => !kept.has(digest));
  stale.forEach((digest) => summaries.delete(digest));
  if (stale.length || summaries.size !== known) {
    writeSummaries(store, summaries);
  }
}
