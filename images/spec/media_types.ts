/** The media types of images: OCI's, and docker's schema 2. Pure. */

const OCI = "application/vnd.oci.image.";
const DOCKER = "application/vnd.docker.";

/** Manifests and lists of manifests. */
export const MANIFEST = {
  oci: `${OCI}manifest.v1+json`,
  docker: `${DOCKER}distribution.manifest.v2+json`,
} as const;

/** Lists of the manifests of several platforms. */
export const INDEX = {
  oci: `${OCI}index.v1+json`,
  docker: `${DOCKER}distribution.manifest.list.v2+json`,
} as const;

/** Configurations of images. */
export const CONFIG = {
  oci: `${OCI}config.v1+json`,
  docker: `${DOCKER}container.image.v1+json`,
} as const;

/** The old format, which is refused by name. */
export const SCHEMA_1: readonly string[] = [
  `${DOCKER}distribution.manifest.v1+json`,
  `${DOCKER}distribution.manifest.v1+prettyjws`,
];

/** What a request for a manifest accepts, as other clients send it. */
export const ACCEPT: readonly string[] = [
  MANIFEST.oci,
  MANIFEST.docker,
  INDEX.oci,
  INDEX.docker,
];

/** How a layer is compressed. */
export type Compression = "none" | "gzip" | "zstd";

const LAYERS: Readonly<Record<string, Compression>> = {
  [`${OCI}layer.v1.tar`]: "none",
  [`${OCI}layer.v1.tar+gzip`]: "gzip",
  [`${OCI}layer.v1.tar+zstd`]: "zstd",
  [`${OCI}layer.nondistributable.v1.tar`]: "none",
  [`${OCI}layer.nondistributable.v1.tar+gzip`]: "gzip",
  [`${OCI}layer.nondistributable.v1.tar+zstd`]: "zstd",
  [`${DOCKER}image.rootfs.diff.tar`]: "none",
  [`${DOCKER}image.rootfs.diff.tar.gzip`]: "gzip",
  [`${DOCKER}image.rootfs.diff.tar.zstd`]: "zstd",
  [`${DOCKER}image.rootfs.foreign.diff.tar`]: "none",
  [`${DOCKER}image.rootfs.foreign.diff.tar.gzip`]: "gzip",
};

/** How a layer of a media type is compressed; null if it is no layer. */
export const compressionOf = (mediaType: string): Compression | null =>
  Object.hasOwn(LAYERS, mediaType) ? LAYERS[mediaType]! : null;

/** Whether the author does not allow registries to hold the layer. */
export const isForeign = (mediaType: string): boolean =>
  /\.(nondistributable|foreign)\./.test(mediaType);

/** Whether a media type is one of a group. */
export const isOneOf = (
  group: Readonly<Record<string, string>>,
  mediaType: string,
): boolean => Object.values(group).includes(mediaType);
