/**
 * A registry of the build: one image without files, which the program fetches
 * and runs at build time, so that V8 compiles the code for that.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { digestOf } from "../images/spec/digest.ts";
import { CONFIG, MANIFEST } from "../images/spec/media_types.ts";
import { hostPlatform } from "../images/spec/platform.ts";

/** An archive without entries: two blocks of zeros. */
const EMPTY_ARCHIVE = new Uint8Array(1024);

/** What the registry answers: a type and bytes. */
type Answer = [type: string, bytes: Uint8Array<ArrayBuffer>];

/** The answer for each path. */
function answers(): Map<string, Answer> {
  const paths = new Map<string, Answer>();
  const add = (type: string, bytes: Uint8Array<ArrayBuffer>) => {
    const digest = digestOf(bytes);
    paths.set(`/v2/warm-up/blobs/${digest}`, [
      "application/octet-stream",
      bytes,
    ]);
    return { mediaType: type, digest, size: bytes.length };
  };
  const layer = add(
    "application/vnd.oci.image.layer.v1.tar+gzip",
    new Uint8Array(gzipSync(EMPTY_ARCHIVE)),
  );
  const json = (value: unknown) =>
    new Uint8Array(Buffer.from(JSON.stringify(value)));
  const config = add(
    CONFIG.oci,
    json({
      ...hostPlatform(),
      created: "2000-01-01T00:00:00Z",
      config: { Env: ["PATH=/bin:/usr/bin"], Cmd: ["true"] },
      rootfs: { type: "layers", diff_ids: [digestOf(EMPTY_ARCHIVE)] },
    }),
  );
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST.oci,
    config,
    layers: [layer],
  });
  paths.set("/v2/warm-up/manifests/latest", [MANIFEST.oci, manifest]);
  paths.set(`/v2/warm-up/manifests/${digestOf(manifest)}`, [
    MANIFEST.oci,
    manifest,
  ]);
  paths.set("/v2/", ["application/json", json({})]);
  return paths;
}

/** The registry, on loopback. The caller disposes of it. */
export class ImageServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const known = answers();
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      ({ url, method }) => {
        const answer = known.get(new URL(url).pathname);
        if (!answer) return new Response(null, { status: 404 });
        const [type, bytes] = answer;
        return new Response(method === "HEAD" ? null : bytes, {
          headers: {
            "content-type": type,
            "content-length": String(bytes.length),
            "docker-content-digest": digestOf(bytes),
          },
        });
      },
    );
  }

  /** The name of the image. */
  get image(): string {
    return `127.0.0.1:${this.#server.addr.port}/warm-up:latest`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
