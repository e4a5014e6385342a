/** What containers use stays in the store, and what dead ones leave does not. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { discard, keepChanges } from "../../launch/host/changes.ts";
import { addImage, makeImage, TempStore } from "./_image_fixture.ts";
import { collect } from "./collect.ts";
import { layerFiles, namesIn } from "./places.ts";

/** A store with an image that a container uses. */
function used(record?: string) {
  const temporary = new TempStore();
  const { store, path } = temporary;
  addImage(store, makeImage(["a", "b"]), "app");
  const [image] = store.images();
  const { digest, id, blobs, chains } = image!;
  const directory = `${path}/containers/one`;
  const make = () =>
    keepChanges({
      step: "keepChanges",
      directory,
      lock: `${path}/lock`,
      layers: chains.toReversed().map((chain) => layerFiles(path, chain)),
      blobs: [digest, id, ...blobs],
      chains,
      ...(record === undefined ? {} : { record }),
      why: "",
      man: "",
      undo: "kept",
    });
  make();
  const left = () =>
    ["blobs/sha256", "layers", "containers", "work"]
      .map((name) => namesIn(`${path}/${name}`).length);
  return { temporary, store, path, directory, make, left, image: image! };
}

Deno.test("collect() keeps what a container uses until it is removed", () => {
  const { temporary, store, path, directory, left, image } = used();
  using _temporary = temporary;
  store.remove([image]);
  assertEquals(left(), [4, 2, 1, 0]);
  Deno.mkdirSync(`${directory}/upper/a/b`, { recursive: true });
  const into = `${path}/work/container-one`;
  discard({ path: directory, into });
  discard({ path: directory, into });
  assertEquals(left(), [4, 2, 0, 0]);
  collect(path);
  assertEquals(left(), [0, 0, 0, 0]);
});

Deno.test("keepChanges() keeps what is there, and refuses a missing layer", () => {
  const { temporary, store, path, directory, make, image } = used();
  using _temporary = temporary;
  Deno.writeTextFileSync(`${directory}/upper/x`, "");
  assertEquals(make(), null);
  assertEquals(namesIn(`${directory}/upper`), ["x"]);
  // A command was killed before it had written the list.
  Deno.removeSync(`${directory}/uses.json`);
  make();
  assertEquals(namesIn(`${directory}/upper`), []);
  discard({ path: directory, into: `${path}/work/container-one` });
  store.remove([image]);
  let message = "";
  try {
    make();
  } catch (error) {
    message = String(error);
  }
  assertEquals(/no such file/.test(message), true, message);
  assertEquals(namesIn(`${path}/containers`), []);
});

Deno.test("collect() removes the changes of containers that a crash has ended", () => {
  for (
    const [record, isLeft] of [
      [undefined, false],
      ["/nonexistent/record", false],
      ["/proc", true],
    ] as const
  ) {
    const { temporary, store, path, directory, left, image } = used(record);
    using _temporary = temporary;
    const file = `${directory}/uses.json`;
    const uses = JSON.parse(Deno.readTextFileSync(file));
    collect(path);
    assertEquals(left(), [4, 2, 1, 0]);
    Deno.writeTextFileSync(file, JSON.stringify({ ...uses, boot: "other" }));
    store.remove([image]);
    collect(path);
    assertEquals(left(), isLeft ? [4, 2, 1, 0] : [0, 0, 0, 0]);
  }
});
