/**
 * Images of the image layout of OCI, in a directory or an archive: also what
 * `docker save` writes since version 25, and buildkit.
 */

import { algorithmOf, digestOf, hexOf } from "../spec/digest.ts";
import { INDEX, isOneOf, MANIFEST } from "../spec/media_types.ts";
import { asReference, fullName, withDefaultTag } from "../spec/reference.ts";
import { isAttestation, platformText } from "../spec/platform.ts";
import {
  type Descriptor,
  LARGEST_MANIFEST,
  readDescriptor,
} from "../spec/types.ts";
import { Untrusted } from "../spec/untrusted.ts";
import { NAME, nameIn, WHOLE_NAME } from "../store/layout.ts";
import {
  BROKEN,
  type FileSet,
  lacks,
  readNeeded,
  unusable,
} from "./file_set.ts";
import type { ImageSource, OfferedImage } from "./offered_image.ts";

/** The most images of one place. */
const MOST_IMAGES = 10_000;

const blobPath = (digest: string) =>
  `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

/** The blobs of a layout. */
function sourceOf(files: FileSet): ImageSource {
  return {
    name: files.place,
    async manifest(digest) {
      const bytes = await readNeeded(files, blobPath(digest), LARGEST_MANIFEST);
      const found = digestOf(bytes, algorithmOf(digest));
      if (found === digest) return { bytes, digest };
      throw unusable(
        files.place,
        `its blob ${digest} has another content, ${found}`,
        BROKEN,
      );
    },
    async *blob({ digest }) {
      const path = blobPath(digest);
      if (files.sizeOf(path) === null) throw lacks(files, path);
      yield* files.stream(path);
    },
  };
}

/**
 * The images of a layout.
 *
 * @throws {ContainerError} if it is none
 */
export async function ociImages(files: FileSet): Promise<OfferedImage[]> {
  const bytes = await readNeeded(files, "index.json", LARGEST_MANIFEST);
  const entries = Untrusted.parse(`index.json of ${files.place}`, bytes)
    .at("manifests").items(MOST_IMAGES).map(readDescriptor)
    .filter((entry) => !isAttestation(entry))
    // A layout may also have artifacts.
    .filter(({ mediaType }) =>
      isOneOf(MANIFEST, mediaType) || isOneOf(INDEX, mediaType)
    );
  const source = sourceOf(files);
  return byImage(entries).map((manifests) => ({
    source,
    names: namesOf(manifests),
    manifests,
  }));
}

/** The full names of entries. Names with digests are given by registries. */
function namesOf(manifests: readonly Descriptor[]): string[] {
  const names = manifests.flatMap(({ annotations }) =>
    nameIn(annotations) ?? []
  );
  return [...new Set(names)].filter((name) =>
    asReference(name)?.digest === undefined
  );
}

/**
 * Groups entries: those of one content are an image with several names, and
 * those of several platforms under one name are one image as well.
 */
function byImage(entries: readonly Descriptor[]): Descriptor[][] {
  const byName = Map.groupBy(
    entries,
    ({ annotations }) => nameIn(annotations) ?? "",
  );
  const images: Descriptor[][] = [];
  for (const group of byName.values()) {
    const platforms = new Set(
      group.map(({ platform }) => platform ? platformText(platform) : ""),
    );
    const isOne = group.length > 1 && platforms.size === group.length &&
      !platforms.has("");
    if (isOne) images.push(group);
    else images.push(...group.map((entry) => [entry]));
  }
  const same = Map.groupBy(
    images,
    (group) => group.map(({ digest }) => digest).join(),
  );
  return [...same.values()].map((groups) => groups.flat());
}

/**
 * What a word after the path of a place names of an image: the image under that
 * name only; null if it is another image.
 */
export function underName(
  image: OfferedImage,
  word: string,
): OfferedImage | null {
  const reference = asReference(word);
  const whole = reference && fullName(withDefaultTag(reference));
  const manifests = image.manifests.filter(({ annotations = {} }) =>
    annotations[NAME] === word || annotations[WHOLE_NAME] === word ||
    whole !== null && nameIn(annotations) === whole
  );
  if (manifests.length) {
    return { ...image, manifests, names: namesOf(manifests) };
  }
  const names = image.names.filter((name) => name === whole);
  return names.length ? { ...image, names } : null;
}
