/**
 * Descriptors and manifests, as in the image specification and docker's schema
 * 2, and their validation. Other formats are refused by name. Pure.
 */

import { withoutControls } from "../../spec/controls.ts";
import { ContainerError } from "../../spec/errors.ts";
import { isDigest } from "./digest.ts";
import {
  compressionOf,
  CONFIG,
  INDEX,
  isOneOf,
  MANIFEST,
  SCHEMA_1,
} from "./media_types.ts";
import { faulty, Untrusted } from "./untrusted.ts";

/** A platform, as in descriptors and configurations. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

/** Names content by its digest. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
  /** Places of the content outside the registry. */
  urls?: string[];
  artifactType?: string;
}

/** The manifest of one image. */
export interface Manifest {
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
}

/** A list of manifests, for several platforms. */
export interface Index {
  mediaType: string;
  manifests: Descriptor[];
  annotations?: Record<string, string>;
}

/** What a registry can send for a name. */
export type Document =
  | { kind: "manifest"; manifest: Manifest }
  | { kind: "index"; index: Index };

/** The largest manifest, which is also what registries accept. */
export const LARGEST_MANIFEST = 4 * 1024 * 1024;
/** The largest configuration. */
export const LARGEST_CONFIG = 8 * 1024 * 1024;
/** The most layers: the kernel allows no more in an overlay mount. */
export const MOST_LAYERS = 500;
/** The most manifests of an index. */
const MOST_MANIFESTS = 10_000;

/** Reads a descriptor. */
export function readDescriptor(value: Untrusted): Descriptor {
  value.object();
  const optional = {
    annotations: value.at("annotations").optional((at) => at.texts()),
    platform: value.at("platform").optional(readPlatform),
    urls: value.at("urls").optional((at) => at.words()),
    artifactType: value.at("artifactType").optional((at) => at.word()),
  };
  return {
    mediaType: value.at("mediaType").word(),
    digest: value.at("digest").matching(
      isDigest,
      "a digest by sha256 or sha512",
    ),
    size: value.at("size").count(),
    ...withoutUndefined(optional),
  };
}

function readPlatform(value: Untrusted): Platform {
  const variant = value.at("variant").optional((at) => at.word());
  return {
    os: value.at("os").word(),
    architecture: value.at("architecture").word(),
    ...variant ? { variant } : {},
  };
}

/** Leaves out the members that are undefined. */
export const withoutUndefined = <T extends object>(object: T): T =>
  Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as T;

/**
 * Parses a manifest or an index.
 *
 * @param name the image, for messages
 * @param sent the media type that came with it, if any
 * @throws {ContainerError} for anything but an image
 */
export function parseDocument(
  name: string,
  bytes: Uint8Array,
  sent?: string,
): Document {
  const document = `the manifest of ${name}`;
  if (bytes.length > LARGEST_MANIFEST) {
    throw faulty(document, "it is larger than 4 MiB");
  }
  const value = Untrusted.parse(document, bytes);
  const own = value.at("mediaType").optional((at) => at.word());
  const outside = sent?.replace(/;.*/s, "").trim().toLowerCase();
  if (
    SCHEMA_1.includes(own ?? outside ?? "") ||
    value.has("schemaVersion") && value.at("schemaVersion").value === 1
  ) {
    throw new ContainerError(
      `Cannot use ${name}: its manifest is docker's schema 1, which is obsolete`,
      { hint: "Push the image again with a current tool." },
    );
  }
  // Content that is a manifest to one reader and an index to another would
  // have two meanings under one digest.
  if (
    value.has("layers") && value.has("manifests") ||
    value.has("config") && value.has("manifests")
  ) {
    throw faulty(document, "it is both a manifest and an index");
  }
  const isKnown = (type: string | undefined): type is string =>
    type !== undefined && (isOneOf(MANIFEST, type) || isOneOf(INDEX, type));
  if (isKnown(outside) && own !== undefined && own !== outside) {
    throw faulty(document, `it was sent as ${outside}, but says ${own}`);
  }
  const mediaType = own ?? (isKnown(outside) ? outside : undefined) ??
    (value.has("manifests") ? INDEX.oci : MANIFEST.oci);
  if (value.at("schemaVersion").value !== 2) {
    throw faulty(document, "schemaVersion is not 2");
  }
  if (isOneOf(INDEX, mediaType)) {
    return { kind: "index", index: readIndex(value, mediaType) };
  }
  if (!isOneOf(MANIFEST, mediaType)) {
    throw faulty(document, `its type ${shown(mediaType)} is not an image's`);
  }
  return { kind: "manifest", manifest: readManifest(name, value, mediaType) };
}

const shown = (text: string) => withoutControls(text) || '""';

function readIndex(value: Untrusted, mediaType: string): Index {
  const annotations = value.at("annotations").optional((at) => at.texts());
  return {
    mediaType,
    manifests: value.at("manifests").items(MOST_MANIFESTS).map(readDescriptor),
    ...withoutUndefined({ annotations }),
  };
}

function readManifest(
  name: string,
  value: Untrusted,
  mediaType: string,
): Manifest {
  const config = readDescriptor(value.at("config"));
  const artifact = value.at("artifactType").optional((at) => at.word()) ??
    (isOneOf(CONFIG, config.mediaType) ? undefined : config.mediaType);
  if (artifact !== undefined && !isOneOf(CONFIG, artifact)) {
    throw new ContainerError(
      `Cannot use ${name}: it is an artifact of type ${
        shown(artifact)
      }, not an image`,
      { hint: "Fetch artifacts with a tool for them, such as oras." },
    );
  }
  if (config.size > LARGEST_CONFIG) {
    throw faulty(value.document, "its configuration is larger than 8 MiB");
  }
  const layers = value.at("layers").items(MOST_LAYERS).map(readDescriptor);
  for (const { mediaType } of layers) checkLayer(name, mediaType);
  const annotations = value.at("annotations").optional((at) => at.texts());
  return {
    mediaType,
    config,
    layers,
    ...withoutUndefined({ annotations }),
  };
}

function checkLayer(name: string, mediaType: string): void {
  if (compressionOf(mediaType) !== null) return;
  if (mediaType.endsWith("+encrypted")) {
    throw new ContainerError(
      `Cannot use ${name}: its layers are encrypted, which is not supported`,
      { hint: "Decrypt the image with skopeo copy --decryption-key." },
    );
  }
  throw new ContainerError(
    `Cannot use ${name}: ${shown(mediaType)} is not a type of layer`,
    { hint: "It may be an artifact, or need a newer version of container." },
  );
}
