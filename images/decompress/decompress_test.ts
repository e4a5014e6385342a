// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import zlib from "node:zlib";
import { decompress } from "./decompress.ts";
import { ArchiveError, LayerError } from "../tar/errors.ts";

/** Bytes that compress to about a half, the same for every run. */
function content(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    bytes[at] = seed >> 16 & 15;
  }
  return bytes;
}

const joined = (...parts: Uint8Array[]) =>
  new Uint8Array(parts.flatMap((part) => [...part]));

async function* pieces(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) {
    await Promise.resolve();
    yield bytes.subarray(at, at + length);
  }
}

/** What comes out, and the largest piece. */
async function decompressed(bytes: Uint8Array, length = 1000) {
  const parts: Uint8Array[] = [];
  await decompress(pieces(bytes, length), (part) => parts.push(part.slice()));
  return joined(...parts);
}

const ONE = content(300_000);
const TWO = content(70_000, 7);
const gzip = (bytes: Uint8Array) => new Uint8Array(zlib.gzipSync(bytes));

/** Frames that the zstd program wrote: level 3 with a checksum, and one without. */
const zstd = async (bytes: Uint8Array, ...flags: string[]) => {
  const child = new Deno.Command("zstd", {
    args: ["-q", "-c", ...flags],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await Promise.all([
    writer.write(bytes).then(() => writer.close()),
    Promise.resolve(),
  ]);
  return new Uint8Array((await child.output()).stdout);
};

const SKIPPED = joined(
  Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18, 5, 0, 0, 0),
  new Uint8Array(5),
);

for (const length of [1, 7, 1000, 1 << 20]) {
  // One byte at a time is slow, and as good with less.
  const [one, two] = length === 1
    ? [ONE.subarray(0, 3000), TWO.subarray(0, 500)]
    : [ONE, TWO];

  Deno.test(`decompress() reads gzip members in pieces of ${length}`, async () => {
    assertEquals(await decompressed(gzip(one), length), one);
    const both = joined(gzip(one), gzip(two));
    assertEquals(await decompressed(both, length), joined(one, two));
  });

  Deno.test(`decompress() ignores what follows gzip in pieces of ${length}`, async () => {
    for (const rest of [new Uint8Array(1000), content(33), Uint8Array.of(31)]) {
      // The last one could be the start of a member.
      const bytes = joined(gzip(one), rest);
      assertEquals(await decompressed(bytes, length), one);
    }
  });

  Deno.test(`decompress() refuses gzip that is cut, in pieces of ${length}`, async () => {
    const bytes = gzip(one);
    for (const missing of [1, 4, 8, 9, 100, bytes.length - 7]) {
      await assertRejects(
        () => decompressed(bytes.subarray(0, -missing), length),
        ArchiveError,
        "ends too early",
      );
    }
  });

  Deno.test(`decompress() reads zstd frames in pieces of ${length}`, async () => {
    const [first, second, plain] = await Promise.all([
      zstd(one),
      zstd(two, "-19"),
      zstd(two, "--no-check"),
    ]);
    for (
      const [bytes, wanted] of [
        [first, one],
        [joined(first, second), joined(one, two)],
        [joined(SKIPPED, plain, first, SKIPPED), joined(two, one)],
        [joined(first, SKIPPED, plain), joined(one, two)],
        [joined(first, content(50)), one],
        [await zstd(new Uint8Array(0)), new Uint8Array(0)],
      ] as const
    ) {
      assertEquals(await decompressed(bytes, length), wanted);
    }
    for (const missing of [1, 3, 5, 100]) {
      await assertRejects(
        () => decompressed(first.subarray(0, -missing), length),
        ArchiveError,
        "ends too early",
      );
    }
  });
}

Deno.test("decompress() refuses damaged streams", async () => {
  const bad = gzip(ONE);
  bad[bad.length - 6]! ^= 1;
  await assertRejects(() => decompressed(bad), ArchiveError, "checksum");
  const worse = gzip(ONE);
  // A block of the reserved type.
  worse[10] = 7;
  await assertRejects(() => decompressed(worse), ArchiveError, "damaged");
  const frame = await zstd(ONE);
  // The table of the first block's symbols.
  frame.fill(0xff, 12, 40);
  await assertRejects(() => decompressed(frame), ArchiveError, "damaged");
});

Deno.test("decompress() refuses zstd that needs more memory than zstd(1) takes", async () => {
  const END = [1, 0, 0];
  for (
    const [header, fits] of [
      [[0x00, (27 - 10) << 3], true],
      [[0x00, (27 - 10) << 3 | 1], false],
      [[0x00, (31 - 10) << 3], false],
      // One segment: the window is the content.
      [[0xa0, 0, 0, 0, 9], false],
      [[0xe0, 0, 0, 0, 0, 0, 0, 0, 1], false],
      [[0xa3, 1, 2, 3, 4, 0, 0, 0, 9], false],
    ] as const
  ) {
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...header, ...END);
    const act = () => decompressed(frame, 100);
    if (fits) assertEquals(await act(), new Uint8Array());
    else {
      await assertRejects(act, LayerError, "needs more than 128 MiB of memory");
    }
  }
});

Deno.test("decompress() gives plain bytes on, and names other compressions", async () => {
  assertEquals(await decompressed(ONE), ONE);
  assertEquals(await decompressed(new Uint8Array(0)), new Uint8Array(0));
  assertEquals(await decompressed(TWO.subarray(0, 3), 1), TWO.subarray(0, 3));
  const bzip2 = new TextEncoder().encode("BZh91AY&SY");
  await assertRejects(() => decompressed(bzip2), LayerError, "bzip2");
});

Deno.test("decompress() throws what its taker throws, and takes nothing more", async () => {
  for (const bytes of [gzip(ONE), await zstd(ONE), ONE]) {
    let calls = 0;
    const error = new Error("no more");
    await assertRejects(
      () =>
        decompress(pieces(bytes, 1000), () => {
          calls++;
          throw error;
        }),
      Error,
      "no more",
    );
    assertEquals(calls, 1);
  }
});
