/**
 * A manifest in the other format: OCI's, or docker's schema 2. Configuration and
 * layers are the same blobs in both. Pure.
 */

import { ContainerError } from "../../spec/errors.ts";
import { digestOf } from "./digest.ts";
import { compressionOf, CONFIG, isForeign, MANIFEST } from "./media_types.ts";
import type { Descriptor, Manifest } from "./types.ts";

/** The formats of manifests, by skopeo's names. */
export const MANIFEST_FORMATS = ["oci", "v2s2"] as const;

/** A format of manifests. */
export type ManifestFormat = typeof MANIFEST_FORMATS[number];

/** A manifest, its bytes, and how it is described. */
export interface WrittenManifest {
  manifest: Manifest;
  bytes: Uint8Array<ArrayBuffer>;
  descriptor: Descriptor;
}

/** The type of a layer in OCI's format. */
function ociLayer(mediaType: string): string {
  const compression = compressionOf(mediaType) ?? "none";
  return `application/vnd.oci.image.layer.${
    isForeign(mediaType) ? "nondistributable." : ""
  }v1.tar${compression === "none" ? "" : `+${compression}`}`;
}

/** The type of a layer in docker's format, which has no zstd. */
function dockerLayer(name: string, mediaType: string): string {
  const compression = compressionOf(mediaType) ?? "none";
  if (compression === "zstd") {
    throw new ContainerError(
      `Cannot write ${name} in docker's format: it has layers compressed with zstd`,
      { hint: "Use OCI's format, which has them." },
    );
  }
  return `application/vnd.docker.image.rootfs.${
    isForeign(mediaType) ? "foreign." : ""
  }diff.tar${compression === "none" ? "" : `.${compression}`}`;
}

/**
 * Writes a manifest in a format. One that has it already stays as it is, byte by
 * byte.
 *
 * @param name the image, for messages
 * @throws {ContainerError} for layers that docker's format does not have
 */
export function inFormat(
  name: string,
  { manifest, bytes }: { manifest: Manifest; bytes: Uint8Array },
  format?: ManifestFormat,
): WrittenManifest {
  const key = format === "v2s2" ? "docker" : "oci";
  if (format === undefined || manifest.mediaType === MANIFEST[key]) {
    return asWritten(manifest, new Uint8Array(bytes));
  }
  const plain = ({ digest, size, urls }: Descriptor, mediaType: string) => ({
    mediaType,
    digest,
    size,
    ...urls ? { urls } : {},
  });
  const converted: Manifest = {
    mediaType: MANIFEST[key],
    config: plain(manifest.config, CONFIG[key]),
    layers: manifest.layers.map((layer) =>
      plain(
        layer,
        key === "oci"
          ? ociLayer(layer.mediaType)
          : dockerLayer(name, layer.mediaType),
      )
    ),
    // Docker's format has no annotations.
    ...key === "oci" && manifest.annotations
      ? { annotations: manifest.annotations }
      : {},
  };
  const text = JSON.stringify({ schemaVersion: 2, ...converted });
  return asWritten(converted, new TextEncoder().encode(text));
}

const asWritten = (
  manifest: Manifest,
  bytes: Uint8Array<ArrayBuffer>,
): WrittenManifest => ({
  manifest,
  bytes,
  descriptor: {
    mediaType: manifest.mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  },
});
