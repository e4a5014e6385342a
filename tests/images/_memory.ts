/**
 * Unpacks a layer that is made while it is read, and prints the most memory
 * that this took, in bytes. Arguments: the directory, the number of files, the
 * bytes of one large file, and those of one that is read but not written.
 */

import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { unpackLayer } from "../../images/layers/unpack_layer.ts";
import { END, entry, file } from "./_tar.ts";

const [into, files, written, skipped] = Deno.args;

const ZEROS = new Uint8Array(1 << 16);

function* layer(): Generator<Uint8Array> {
  for (let at = 0; at < Number(files); at++) {
    // Each tenth file is in another directory, which no entry describes.
    const directory = `directory-${Math.floor(at / 10) % 500}`;
    yield file(`some/${directory}/file-${at}`, `content of ${at}`);
  }
  // Zeros compress to a thousandth, like a bomb.
  yield* zeros("large", Number(written));
  // A name that means nothing to a layer.
  yield* zeros(".wh..wh.large", Number(skipped));
  yield END;
}

function* zeros(name: string, size: number): Generator<Uint8Array> {
  yield entry(name, { size });
  for (let left = size; left > 0; left -= ZEROS.length) yield ZEROS;
}

const source = Readable.from(layer()).pipe(createGzip({ level: 1 }));
const { entries } = await unpackLayer(source, {
  into: into!,
  maxUnpacked: 2 ** 40,
});
const [, peak] = /VmHWM:\s+(\d+) kB/.exec(
  await Deno.readTextFile("/proc/self/status"),
)!;
Deno.stdout.writeSync(
  new TextEncoder().encode(`${entries} ${Number(peak) * 1024}`),
);
