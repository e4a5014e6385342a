/**
 * The index of a store, `index.json` of the image layout: which manifests it
 * has, under which names. Other tools may write entries of their own, which are
 * kept as they are.
 */

import { syncDirectory } from "../../ffi/sync.ts";
import { withoutControls } from "../../spec/controls.ts";
import { ContainerError } from "../../spec/errors.ts";
import { isDigest } from "../spec/digest.ts";
import { INDEX } from "../spec/media_types.ts";
import { asReference, fullName, withDefaultTag } from "../spec/reference.ts";
import { type Descriptor, readDescriptor } from "../spec/types.ts";
import { Untrusted } from "../spec/untrusted.ts";
import { storeError, textOrNull, withRoom } from "./places.ts";

/** The annotation with the name of an image, of the image specification. */
export const NAME = "org.opencontainers.image.ref.name";
/** The annotation of containerd and docker with the whole name. */
export const WHOLE_NAME = "io.containerd.image.name";
/** The digest by which a registry knows the image: also that of an index. */
export const SOURCE = "org.container.source.digest";
/** The repository that the image came from. */
export const REPOSITORY = "org.container.source.repository";

/** The content of the file `oci-layout`. */
export const LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

/** One entry of the index. */
export interface IndexEntry extends Descriptor {
  /** The entry as it is in the file. */
  raw: unknown;
  /** The full name of the image: `docker.io/library/alpine:3.20`. */
  name?: string;
}

/** The full name that an annotation of any tool gives an image. */
export function nameIn(
  annotations?: Record<string, string>,
): string | undefined {
  const own = annotations?.[NAME];
  // This program has written it, as it must be.
  if (annotations?.[SOURCE] !== undefined) return own;
  // containerd and docker save put only the tag into the standard annotation.
  const whole = annotations?.[WHOLE_NAME];
  for (const text of [whole, own]) {
    const reference = text === undefined ? null : asReference(text);
    if (reference) return fullName(withDefaultTag(reference));
  }
  return undefined;
}

/** The index that was read last: most commands read it several times. */
let last: { text: string; entries: readonly IndexEntry[] } | undefined;

/**
 * Reads the index of a layout; null if there is none.
 *
 * @throws {ContainerError} if it is damaged
 */
export function readIndex(store: string): readonly IndexEntry[] | null {
  const path = `${store}/index.json`;
  const text = textOrNull(path);
  if (text === null) return null;
  if (last?.text === text) return last.entries;
  const entries = quickly(text) ?? carefully(store, path, text);
  last = { text, entries };
  return entries;
}

const withName = (descriptor: Descriptor, raw: unknown): IndexEntry => {
  const name = nameIn(descriptor.annotations);
  return { ...descriptor, raw, ...name === undefined ? {} : { name } };
};

/** Reads an index without faults; null for any other. */
function quickly(text: string): IndexEntry[] | null {
  try {
    const index: { manifests: Descriptor[] } = JSON.parse(text);
    return index.manifests.every(isDescriptor)
      ? index.manifests.map((entry) => withName(entry, entry))
      : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

const isText = (value: unknown) => typeof value === "string";

const isDescriptor = ({ mediaType, digest, size, annotations }: Descriptor) =>
  isText(mediaType) && isText(digest) && isDigest(digest) &&
  Number.isSafeInteger(size) && size >= 0 &&
  (annotations === undefined ||
    annotations !== null && Object.values(annotations).every(isText));

/** Reads an index with faults, to name the first. */
function carefully(store: string, path: string, text: string): IndexEntry[] {
  try {
    return Untrusted.parse(path, new TextEncoder().encode(text))
      .at("manifests").items()
      .map((item) => withName(readDescriptor(item), item.value));
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    throw new ContainerError(
      `Cannot read the store of images: ${withoutControls(error.message)}`,
      {
        hint:
          `Repair the file, or remove the directory ${store} to begin anew.`,
        cause: error,
      },
    );
  }
}

/** An entry for a manifest with a name, or without one. */
export function indexEntry(
  descriptor: Descriptor,
  { name, source, repository }: {
    name?: string;
    source?: string;
    repository?: string;
  },
): IndexEntry {
  const annotations = {
    ...name === undefined ? {} : { [NAME]: name },
    ...source === undefined ? {} : { [SOURCE]: source },
    ...repository === undefined ? {} : { [REPOSITORY]: repository },
  };
  const { mediaType, digest, size, platform } = descriptor;
  const raw = {
    mediaType,
    digest,
    size,
    ...platform ? { platform } : {},
    ...Object.keys(annotations).length ? { annotations } : {},
  };
  return { ...raw, raw, ...name === undefined ? {} : { name } };
}

/** Writes the index; it is on the disk afterwards. */
export function writeIndex(
  store: string,
  entries: readonly IndexEntry[],
): void {
  const index = {
    schemaVersion: 2,
    mediaType: INDEX.oci,
    manifests: entries.map(({ raw }) => raw),
  };
  const text = `${JSON.stringify(index)}\n`;
  withRoom(store, () => replaceFile(`${store}/index.json`, text));
  syncDirectory(store);
}

/**
 * Replaces a file at once: a command that is killed leaves the old one or the
 * new one. Only one command at a time may do that, because the temporary name
 * is always the same, so that a killed command leaves at most one.
 *
 * @param options.sync whether the new one survives a power cut
 */
export function replaceFile(
  path: string,
  text: string,
  { sync = true } = {},
): void {
  const draft = `${path}.new`;
  try {
    {
      using file = Deno.openSync(draft, {
        create: true,
        write: true,
        truncate: true,
        mode: 0o644,
      });
      const bytes = new TextEncoder().encode(text);
      for (let rest = bytes; rest.length;) {
        rest = rest.subarray(file.writeSync(rest));
      }
      if (sync) file.syncSync();
    }
    Deno.renameSync(draft, path);
  } catch (error) {
    try {
      Deno.removeSync(draft);
    } catch {
      // The first error says more.
    }
    throw storeError(path, error);
  }
}
