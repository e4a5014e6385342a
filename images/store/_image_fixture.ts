/** Small images for the tests of the store and of rooms above it. */

import { digestOf } from "../spec/digest.ts";
import { CONFIG, MANIFEST } from "../spec/media_types.ts";
import type { Descriptor } from "../spec/types.ts";
import { fullName, parseReference } from "../spec/reference.ts";
import { ImageStore } from "./store.ts";

const encoder = new TextEncoder();

/** The blobs of an image. */
export interface MadeImage {
  manifest: Descriptor;
  /** Each blob by its digest. */
  blobs: Map<string, Uint8Array>;
  diffIds: string[];
}

/** Makes the blobs of an image whose layers are these texts. */
export function makeImage(
  layers: readonly string[],
  { mediaType = MANIFEST.oci as string, architecture = "amd64", labels = {} } =
    {},
): MadeImage {
  const blobs = new Map<string, Uint8Array>();
  const add = (content: string, mediaType: string): Descriptor => {
    const bytes = encoder.encode(content);
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const described = layers.map((text) =>
    add(text, "application/vnd.oci.image.layer.v1.tar")
  );
  const diffIds = described.map(({ digest }) => digest);
  const config = add(
    JSON.stringify({
      architecture,
      os: "linux",
      created: "2026-01-01T00:00:00Z",
      config: { Labels: labels },
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
    CONFIG.oci,
  );
  const manifest = add(
    JSON.stringify({ schemaVersion: 2, mediaType, config, layers: described }),
    mediaType,
  );
  return { manifest, blobs, diffIds };
}

/** A store in a temporary directory. */
export class TempStore implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "container-test-store-" });
  readonly store = ImageStore.open(this.path);
  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Adds an image to a store, with a file in each of its layers. */
export function addImage(
  store: ImageStore,
  image: MadeImage,
  name?: string,
): void {
  using work = store.begin();
  for (const [digest, bytes] of image.blobs) {
    Deno.writeFileSync(work.blob(digest), bytes);
  }
  let chain = "";
  for (const diffId of image.diffIds) {
    chain = chain ? digestOf(`${chain} ${diffId}`) : diffId;
    const directory = work.layer(chain);
    Deno.mkdirSync(directory);
    Deno.writeTextFileSync(`${directory}/file`, chain);
    work.layerDone(chain, { diffId, size: chain.length });
  }
  work.commit({
    descriptor: image.manifest,
    ...name ? { name: fullName(parseReference(name)) } : {},
  });
}
