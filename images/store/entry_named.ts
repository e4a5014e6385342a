/** Finds an entry of the index by its name. */

import {
  fullName,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from "../spec/reference.ts";
import { type IndexEntry, readIndex, REPOSITORY, SOURCE } from "./layout.ts";

/** The entry of the image with exactly this name; null if there is none. */
export function entryNamed(
  store: string,
  reference: Reference,
): IndexEntry | null {
  const name = withDefaultTag(reference);
  return readIndex(store)?.find((entry) => hasName(entry, name)) ?? null;
}

/** Whether an entry has a name, or is known to its registry by a digest. */
function hasName(entry: IndexEntry, reference: Reference): boolean {
  const { digest } = reference;
  if (entry.name === fullName(reference)) return true;
  if (digest === undefined) return false;
  const { annotations = {} } = entry;
  const repository = annotations[REPOSITORY] ??
    (entry.name === undefined
      ? undefined
      : repositoryOf(parseReference(entry.name)));
  return repository === repositoryOf(reference) &&
    (annotations[SOURCE] === digest || entry.digest === digest);
}
