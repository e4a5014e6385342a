/** `pull()` and `images()` of the library. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, REPOSITORY, test, without } from "../_harness.ts";
import { ImageBox, SampleImage } from "./_image_store.ts";
import { NO_REGISTRY, Registry } from "./_registry.ts";

const skip = NO_REGISTRY ?? without("umoci");

/** Runs a program that imports the library. */
async function program(box: ImageBox, text: string) {
  const file = `${box.dir.path}/program.ts`;
  await Deno.writeTextFile(
    file,
    `import { ContainerError, images, pull } from "${REPOSITORY}/mod.ts";
${text}`,
  );
  const { status, stdout, stderr } = await execute([
    ...[Deno.execPath(), "run", "-A", "--no-check", "--quiet"],
    `--config=${REPOSITORY}/deno.json`,
    file,
  ], {
    env: {
      ...box.env,
      DENO_DIR: Deno.env.get("DENO_DIR") ??
        `${Deno.env.get("HOME")}/.cache/deno`,
    },
  });
  assertEquals([status, stderr], [0, ""]);
  return JSON.parse(stdout);
}

test("the library pulls an image, lists it, and reports errors", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/app:1`;
  await sample.put(name);
  const store = JSON.stringify(box.store);
  const { image, all, kinds, aborted, failed } = await program(
    box,
    `const store = ${store};
const kinds = new Set();
const image = await pull(${JSON.stringify(name)}, {
  store,
  onProgress: ({ kind }) => kinds.add(kind),
});
const reason = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return [error instanceof ContainerError, error.message, error.hint];
  }
};
console.log(JSON.stringify({
  image,
  all: images({ store }),
  kinds: [...kinds],
  aborted: await reason(pull("x.invalid/a:1", {
    store,
    signal: AbortSignal.abort(new Error("enough")),
  })),
  failed: await reason(pull(${
      JSON.stringify(`${registry.host}/no:1`)
    }, { store })),
}));
`,
  );
  assertEquals(all, [image]);
  assertEquals([image.name, image.platform], [name, "linux/amd64"]);
  assertEquals(image.labels, { tier: "test" });
  assertEquals(kinds, ["begin", "layer"]);
  assertEquals(aborted.slice(0, 2), [false, "enough"]);
  assertEquals(failed[0], true);
  assertMatch(failed[1], /the registry has no such tag/);
  assertMatch(failed[2], /Check the tag/);
  assertEquals(
    JSON.parse(await box.does("images", "--format", "json"))[0].id,
    image.id,
  );
}, { skip });
