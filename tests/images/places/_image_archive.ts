/** Archives of images, in the formats that other programs write. */

import { createHash } from "node:crypto";
import { END, entry, type Fields, joined } from "../_tar.ts";

const encoder = new TextEncoder();

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");

/** The members of an archive, by their names. */
export type Members = Record<string, Uint8Array | string | Fields>;

/** A tar file of members. */
export const archiveOf = (
  members: Members | [string, Uint8Array | string | Fields][],
): Uint8Array<ArrayBuffer> =>
  joined(
    ...(Array.isArray(members) ? members : Object.entries(members)).map((
      [name, content],
    ) =>
      entry(
        name,
        typeof content === "string" || content instanceof Uint8Array
          ? { data: content }
          : content,
      )
    ),
    END,
  );

/** An image in memory. */
export interface Made {
  /** Its layers, which are tar files. */
  layers: Uint8Array[];
  config: string;
  /** The ID of the image. */
  id: string;
}

/** An image with one layer for each of these files. */
export function madeImage(
  files: Members[],
  { architecture = Deno.build.arch === "aarch64" ? "arm64" : "amd64" } = {},
): Made {
  const layers = files.map(archiveOf);
  const config = JSON.stringify({
    architecture,
    os: "linux",
    config: { Cmd: ["/bin/sh"] },
    rootfs: {
      type: "layers",
      diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`),
    },
  });
  return { layers, config, id: `sha256:${sha256(config)}` };
}

/** What `docker save` wrote before version 25. */
export function oldDocker(images: [Made, names: string[]][]): Members {
  const members: Members = {};
  const list = images.map(([{ layers, config }, names]) => {
    const paths = layers.map((layer, index) => {
      const directory = sha256(`${sha256(layer)} ${index}`);
      members[`${directory}/`] = { type: "5" };
      members[`${directory}/VERSION`] = "1.0";
      members[`${directory}/json`] = "{}";
      members[`${directory}/layer.tar`] = layer;
      return `${directory}/layer.tar`;
    });
    members[`${sha256(config)}.json`] = config;
    return {
      Config: `${sha256(config)}.json`,
      RepoTags: names.length ? names : null,
      Layers: paths,
    };
  });
  members["manifest.json"] = JSON.stringify(list);
  members.repositories = "{}";
  return members;
}

/** An entry of an index. */
interface Listed {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Record<string, string>;
}

const OCI = "application/vnd.oci.image";

/** The blobs of an image in a layout, and the descriptor of its manifest. */
export function ociBlobs(
  { layers, config }: Made,
): { members: Members; listed: Listed } {
  const members: Members = {};
  const add = (content: Uint8Array | string, mediaType: string) => {
    const hex = sha256(content);
    members[`blobs/sha256/${hex}`] = content;
    const size = typeof content === "string"
      ? encoder.encode(content).length
      : content.length;
    return { mediaType, digest: `sha256:${hex}`, size };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: add(config, `${OCI}.config.v1+json`),
    layers: layers.map((layer) => add(layer, `${OCI}.layer.v1.tar`)),
  };
  return {
    listed: add(JSON.stringify(manifest), manifest.mediaType),
    members,
  };
}

/** An image layout, as the members of an archive. */
export const layoutOf = (
  blobs: Members,
  manifests: readonly Listed[],
): Members => ({
  "blobs/": { type: "5" },
  "blobs/sha256/": { type: "5" },
  ...blobs,
  "index.json": JSON.stringify({ schemaVersion: 2, manifests }),
  "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
});

/** What `docker save` writes since version 25. */
export function newDocker(image: Made, name: string): Members {
  const { members, listed } = ociBlobs(image);
  const [, tag = ""] = /:([^:/]*)$/.exec(name) ?? [];
  return {
    ...layoutOf(members, [{
      ...listed,
      annotations: {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": tag,
      },
    }]),
    "manifest.json": JSON.stringify([{
      Config: `blobs/sha256/${sha256(image.config)}`,
      RepoTags: [name],
      Layers: image.layers.map((layer) => `blobs/sha256/${sha256(layer)}`),
    }]),
  };
}
