/** Kills at each change that a pull or a removal makes to the store. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { COMPILED, execute, test, without } from "../_harness.ts";
import { does, ImageBox, SampleImage } from "./_image_store.ts";
import { NO_REGISTRY, Registry } from "./_registry.ts";

const skip = NO_REGISTRY ?? without("umoci") ?? without("strace") ??
  // strace would count the calls of Deno itself, which differ.
  (COMPILED ? null : "needs the compiled program");

/** The most changes that one command makes. */
const MOST = 40;

/**
 * Runs a command, and kills it before its Nth rename.
 *
 * @returns whether it was killed
 */
async function killed(box: ImageBox, at: number, ...words: string[]) {
  const { status } = await execute([
    ...[
      "strace",
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      "trace=rename,renameat,renameat2",
    ],
    ...["-e", `inject=rename,renameat,renameat2:signal=KILL:when=${at}`],
    ...box.words(...words),
  ], { env: box.env });
  return status !== 0;
}

test(
  "a kill before any change of a pull leaves a store that the next command reads",
  async () => {
    await using registry = await Registry.start();
    await using sample = await SampleImage.make();
    await using box = new ImageBox();
    const name = `${registry.host}/app:1`;
    await sample.put(name);
    let at = 1;
    for (; await killed(box, at, "pull", "-q", name); at++) {
      assert(at < MOST, "it is killed each time");
      const listed = (await box.does("images", "-q")).trim();
      if (listed) {
        // The last change was made: the image is whole.
        await does([
          ...["skopeo", "inspect", `oci:${box.store}:${name}`],
        ]);
      }
      await box.does("image", "prune", "-f");
      assertEquals(box.left(), listed ? [4, 2, 0] : [0, 0, 0], `kill ${at}`);
    }
    // The blobs, the layers and the index are renamed, at least.
    assert(at > 7, `${at}`);
    assertEquals(box.left(), [4, 2, 0]);
    for (at = 1; await killed(box, at, "rmi", name); at++) {
      assert(at < MOST, "it is killed each time");
      const listed = (await box.does("images", "-q")).trim();
      await box.does("image", "prune", "-f");
      assertEquals(box.left(), listed ? [4, 2, 0] : [0, 0, 0], `kill ${at}`);
      if (!listed) await box.does("pull", "-q", name);
    }
    assert(at > 7, `${at}`);
    assertEquals(box.left(), [0, 0, 0]);
  },
  { skip },
);
