/** Unpacking takes the same memory however large a layer is. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";
import { run } from "./_programs.ts";
import { inDirectory } from "./_unpack.ts";

const ROOT = dirname(dirname(dirname(fromFileUrl(import.meta.url))));
const MIB = 1 << 20;

/** The most memory, in bytes, of a process that unpacks such a layer. */
async function peak(
  into: string,
  files: number,
  written: number,
  skipped: number,
): Promise<number> {
  const stdout = await run(Deno.execPath(), [
    ...["run", "--allow-all", "--no-check", "--config"],
    join(ROOT, "deno.json"),
    join(ROOT, "tests/images/_memory.ts"),
    ...[into, ...[files, written, skipped].map(String)],
  ]);
  const [entries, bytes] = new TextDecoder().decode(stdout).trim().split(" ");
  assertEquals(Number(entries), files + 2);
  return Number(bytes);
}

Deno.test("unpackLayer() takes the same memory for small and large layers", () =>
  inDirectory(async (temporary) => {
    const [some, more] = ["some", "more"].map((name) => join(temporary, name));
    // Deno's own heap grows to its usual size with the first hundred.
    const small = await peak(some!, 500, 16 * MIB, 112 * MIB);
    const large = await peak(more!, 6000, 40 * MIB, 472 * MIB);
    const message = `${small / MIB} MiB, ${large / MIB} MiB`;
    assertEquals(large < 150 * MIB, true, message);
    assertEquals(large - small < 48 * MIB, true, message);
  }));
