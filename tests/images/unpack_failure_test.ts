/** Unpacking that ends early leaves nothing: no file, no descriptor. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";
import { gzipSync } from "node:zlib";
import { unpackLayer } from "../../images/layers/unpack_layer.ts";
import { LayerError } from "../../images/tar/errors.ts";
import { run } from "./_programs.ts";
import { directory, file, pax, symlink, tar } from "./_tar.ts";
import { inDirectory, pieces, unpack } from "./_unpack.ts";

const ROOT = dirname(dirname(dirname(fromFileUrl(import.meta.url))));

const LAYER = tar(
  ...Array.from(
    { length: 60 },
    (_, at) => [directory(`d${at}`), file(`d${at}/f`, "x".repeat(3000))],
  ).flat(),
);

const LIMITS = { maxUnpacked: 1 << 30 };

async function descriptors(): Promise<number> {
  const found = await Array.fromAsync(Deno.readDir("/proc/self/fd"));
  return found.length;
}

/** Unpacking fails in this way, and leaves nothing. */
async function leavesNothing(
  act: (into: string) => Promise<unknown>,
): Promise<void> {
  await inDirectory(async (temporary) => {
    const before = await descriptors();
    await act(join(temporary, "layer"));
    assertEquals(await Array.fromAsync(Deno.readDir(temporary)), []);
    assertEquals(await descriptors(), before);
  });
}

Deno.test("unpackLayer() leaves nothing if its source fails", () =>
  leavesNothing((into) =>
    assertRejects(
      () =>
        unpackLayer(
          (async function* () {
            yield* pieces(gzipSync(LAYER).subarray(0, 700), 100);
            throw new Error("the connection is gone");
          })(),
          { into, ...LIMITS },
        ),
      Error,
      "the connection is gone",
    )
  ));

Deno.test("unpackLayer() leaves nothing if it is told to stop", () =>
  leavesNothing(async (into) => {
    const controller = new AbortController();
    let read = 0;
    await assertRejects(
      () =>
        unpackLayer(pieces(LAYER, 4096), {
          into,
          ...LIMITS,
          signal: controller.signal,
          onRead: (bytes) => {
            read += bytes;
            if (read > 20_000) controller.abort(new Error("enough"));
          },
        }),
      Error,
      "enough",
    );
    assertEquals(read < 30_000, true);
  }));

Deno.test("unpackLayer() touches nothing that is there already", () =>
  inDirectory(async (temporary) => {
    const into = join(temporary, "layer");
    await Deno.mkdir(into);
    await Deno.writeTextFile(join(into, "mine"), "");
    await assertRejects(() => unpack(LAYER, into), Error, "file exists");
    assertEquals((await Array.fromAsync(Deno.readDir(into))).length, 1);
  }));

/**
 * Directories inside each other, whose path is longer than the kernel takes.
 * Each link leads 3800 bytes deeper; the last is `link-4`.
 */
function deepTree(): Uint8Array[] {
  const part = Array.from({ length: 19 }, () => "n".repeat(200)).join("/");
  return [1, 2, 3, 4].flatMap((at) => {
    const path = at === 1 ? part : `link-${at - 1}/${part}`;
    return [
      ...[pax({ path }), directory("x")],
      ...[pax({ linkpath: path }), symlink(`link-${at}`, "x")],
    ];
  });
}

Deno.test("unpackLayer() removes trees that are deeper than any path", () =>
  leavesNothing(async (into) => {
    const layer = tar(
      ...deepTree(),
      file("link-4/file", "at a depth of 76"),
      file("../bad", ""),
    );
    await assertRejects(() => unpack(layer, into), LayerError, "leads out");
  }));

Deno.test("unpackLayer() does not remember more than fits in the memory", () =>
  leavesNothing(async (into) => {
    const files = Array.from(
      { length: 600 },
      (_, at) => file(`link-4/${at}/file`, ""),
    );
    await assertRejects(
      () => unpack(tar(...deepTree(), ...files), into),
      LayerError,
      "too many directories that no entry describes",
    );
  }));

Deno.test("unpackLayer() says that the disk is full, and leaves nothing", () =>
  inDirectory(async (temporary) => {
    const archive = join(temporary, "archive.tar");
    await Deno.writeFile(archive, tar(file("large", "x".repeat(2_000_000))));
    const script = `mount -t tmpfs -o size=1m tmpfs /mnt && "$@" && ls -A /mnt`;
    const stdout = await run("unshare", [
      ...["--mount", "sh", "-c", script, "sh"],
      ...[Deno.execPath(), "run", "--allow-all", "--no-check", "--config"],
      join(ROOT, "deno.json"),
      join(ROOT, "tests/images/_unpack_main.ts"),
      ...[archive, "/mnt/layer", "{}"],
    ]);
    const text = new TextDecoder().decode(stdout);
    assertStringIncludes(
      text,
      'Cannot unpack the entry \\"large\\": write: no space left on device ' +
        "(ENOSPC). Free some space, or move the store with --store.",
    );
    assertEquals(text.endsWith("}"), true, text);
  }));
