/**
 * OCI layouts that the bench makes: an image of real files of this machine, one
 * of many layers, and many small images. Runs on the host.
 */

import { createHash } from "node:crypto";
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { END, headerOf, padding } from "../../images/tar/tar_writer.ts";
import { does } from "./disk.ts";

const encoder = new TextEncoder();
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar";
/** The annotation of an entry of index.json with its name. */
const NAME = "org.opencontainers.image.ref.name";

interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

/** A layer: its blob, and the digest and size of its content. */
export interface Layer {
  blob: Blob;
  diffId: string;
  unpacked: number;
}

const digestOf = (bytes: Uint8Array) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** A layout in a directory. */
export class Layout {
  readonly #entries: unknown[] = [];

  /** @param path of the directory, which is made */
  constructor(readonly path: string) {
    Deno.mkdirSync(`${path}/blobs/sha256`, { recursive: true });
    Deno.writeTextFileSync(
      `${path}/oci-layout`,
      JSON.stringify({ imageLayoutVersion: "1.0.0" }),
    );
  }

  /** The file of a blob. */
  fileOf({ digest }: Blob): string {
    return join(this.path, "blobs", digest.replace(":", "/"));
  }

  #blob(bytes: Uint8Array, mediaType: string): Blob {
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
    Deno.writeFileSync(this.fileOf(blob), bytes);
    return blob;
  }

  /** Adds a layer of the files that tar(1) packs with these words. */
  async layerOf(words: readonly string[]): Promise<Layer> {
    const file = join(this.path, "new");
    const flags = ["--sort=name", "--numeric-owner", "--format=gnu"];
    await does(["tar", ...flags, "-cf", file, ...words]);
    const content = await Deno.readFile(file);
    await does(["gzip", "-n", file]);
    const blob = this.#blob(await Deno.readFile(`${file}.gz`), `${LAYER}+gzip`);
    await Deno.remove(`${file}.gz`);
    return { blob, diffId: digestOf(content), unpacked: content.length };
  }

  /** Adds a layer of one small file. */
  smallLayer(name: string): Layer {
    const content = encoder.encode(`${name}\n`);
    const header = headerOf({
      kind: "file",
      name,
      link: "",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: content.length,
      modified: { seconds: 1_700_000_000, nanoseconds: 0 },
      device: { major: 0, minor: 0 },
      attributes: null,
      sparse: null,
    });
    const tar = new Uint8Array(
      [...header, ...content, ...padding(content.length), ...END],
    );
    const blob = this.#blob(tar, LAYER);
    return { blob, diffId: blob.digest, unpacked: tar.length };
  }

  /** Adds an image. Call write() afterwards. */
  image(name: string, layers: readonly Layer[]): void {
    const config = this.#blob(
      encoder.encode(JSON.stringify({
        architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
        os: "linux",
        created: "2026-01-01T00:00:00Z",
        config: {
          Cmd: ["true"],
          Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
          Labels: { name },
        },
        rootfs: {
          type: "layers",
          diff_ids: layers.map(({ diffId }) => diffId),
        },
      })),
      "application/vnd.oci.image.config.v1+json",
    );
    const manifest = this.#blob(
      encoder.encode(JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config,
        layers: layers.map(({ blob }) => blob),
      })),
      MANIFEST,
    );
    this.#entries.push({ ...manifest, annotations: { [NAME]: name } });
  }

  /** Writes the index. */
  write(): void {
    Deno.writeTextFileSync(
      `${this.path}/index.json`,
      JSON.stringify({ schemaVersion: 2, manifests: this.#entries }),
    );
  }
}

/**
 * Files of a directory, in order and without the first slash, whose sizes have a sum near `bytes`. A file
 * that is larger than a quarter of it is left out.
 */
export async function filesUpTo(
  directory: string,
  bytes: number,
): Promise<string[]> {
  const format = ["-printf", "%s\t%p\\0"];
  const argv = ["find", directory, "-xdev", "(", "-type", "f", "-o"];
  argv.push("-type", "l", ")", ...format);
  const files = (await does(argv)).split("\0").filter(Boolean)
    .map((line) => {
      const tab = line.indexOf("\t");
      return { size: Number(line.slice(0, tab)), name: line.slice(tab + 2) };
    })
    .toSorted((one, other) => one.name < other.name ? -1 : 1);
  const taken: string[] = [];
  let sum = 0;
  for (const { size, name } of files) {
    if (size > bytes / 4 || sum + size > bytes) continue;
    sum += size;
    taken.push(name);
  }
  return taken;
}
