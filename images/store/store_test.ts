/** The store: what it lists, what it removes, and what kills leave. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../spec/errors.ts";
import { parseReference } from "../spec/reference.ts";
import {
  addImage,
  type MadeImage,
  makeImage,
  TempStore,
} from "./_image_fixture.ts";
import { collect } from "./collect.ts";
import { namesIn } from "./places.ts";
import { ImageStore } from "./store.ts";

const ONE = makeImage(["base", "one"], { labels: { a: "b" } });
const TWO = makeImage(["base", "two"]);

const blobsIn = (path: string) => namesIn(`${path}/blobs/sha256`).length;
const layersIn = (path: string) => namesIn(`${path}/layers`).length;

Deno.test("a new store is an empty image layout", () => {
  using temp = new TempStore();
  assertEquals(temp.store.images(), []);
  assertEquals(namesIn(temp.path), []);
  temp.store.begin()[Symbol.dispose]();
  assertEquals(namesIn(temp.path).sort(), [
    ...["blobs", "index.json", "layers", "lock", "oci-layout", "version"],
    "work",
  ]);
  assertEquals(
    JSON.parse(Deno.readTextFileSync(`${temp.path}/oci-layout`)),
    { imageLayoutVersion: "1.0.0" },
  );
  assertEquals(namesIn(`${temp.path}/work`), []);
});

Deno.test("an image is found by its names, its ID, and the beginning of its ID", () => {
  using temp = new TempStore();
  addImage(temp.store, ONE, "alpine:3.20");
  const [image] = temp.store.images();
  assert(image);
  assertEquals(image.name, "docker.io/library/alpine:3.20");
  assertEquals(image.labels, { a: "b" });
  for (
    const word of [
      ...["alpine:3.20", "docker.io/library/alpine:3.20", image.id],
      ...[image.id.slice(7), image.id.slice(7, 19), image.digest],
      ...[`alpine@${image.digest}`],
    ]
  ) assertEquals(temp.store.find(word).id, image.id, word);
  for (const word of ["alpine", "alpine:3", "..", "", "b/alpine:3.20", "ab"]) {
    assertThrows(() => temp.store.find(word), ContainerError, "no image");
  }
});

Deno.test("digits that several IDs begin with are ambiguous", () => {
  using temp = new TempStore();
  const seen = new Map<string, MadeImage>();
  for (let count = 0;; count++) {
    const image = makeImage([`${count}`]);
    const [, id = ""] = image.blobs.keys();
    const digits = id.slice(7, 10);
    const other = seen.get(digits);
    seen.set(digits, image);
    if (!other) continue;
    addImage(temp.store, image, "x:1");
    addImage(temp.store, other, "x:2");
    assertThrows(() => temp.store.find(digits), ContainerError, "Several");
    return;
  }
});

Deno.test("a further name shares everything, and the last name frees it", () => {
  using temp = new TempStore();
  addImage(temp.store, ONE, "one:1");
  addImage(temp.store, TWO, "two:1");
  assertEquals([blobsIn(temp.path), layersIn(temp.path)], [7, 3]);
  temp.store.tag(temp.store.find("one:1"), parseReference("other"));
  temp.store.remove([temp.store.find("one:1")]);
  assertEquals([blobsIn(temp.path), layersIn(temp.path)], [7, 3]);
  const { blobs, layers } = temp.store.remove([
    temp.store.find("other:latest"),
  ]);
  // The lower layer belongs to the other image as well.
  assertEquals([blobs.length, layers], [3, 1]);
  assertEquals([blobsIn(temp.path), layersIn(temp.path)], [4, 2]);
  temp.store.remove(temp.store.images());
  assertEquals([blobsIn(temp.path), layersIn(temp.path)], [0, 0]);
  assertEquals(temp.store.images(), []);
});

Deno.test("an image whose last name goes to another stays without a name", () => {
  using temp = new TempStore();
  const names = () => temp.store.images().map(({ name }) => name ?? "").sort();
  const x = "docker.io/library/x:1";
  const y = "docker.io/library/y:1";
  addImage(temp.store, ONE, "x:1");
  addImage(temp.store, ONE, "x:1");
  assertEquals(names(), [x]);
  addImage(temp.store, ONE, "y:1");
  addImage(temp.store, TWO, "x:1");
  assertEquals(names(), [x, y]);
  addImage(temp.store, TWO, "y:1");
  assertEquals(names(), ["", x, y]);
  addImage(temp.store, ONE, "z:1");
  assertEquals(names(), [x, y, "docker.io/library/z:1"]);
});

Deno.test("what a killed command has left is removed, and nothing else", () => {
  using temp = new TempStore();
  addImage(temp.store, ONE, "one:1");
  // The blob was moved to its place, but the index was not written.
  const work = `${temp.path}/work/killed`;
  Deno.mkdirSync(work);
  Deno.writeTextFileSync(`${work}/lock`, "");
  const [shared = ""] = ONE.blobs.keys();
  const [orphan = ""] = [...TWO.blobs.keys()].slice(1);
  const path = `${temp.path}/blobs/sha256/${orphan.slice(7)}`;
  Deno.writeFileSync(path, TWO.blobs.get(orphan)!);
  Deno.writeTextFileSync(
    `${work}/pins.json`,
    JSON.stringify({ blobs: [shared, orphan], chains: [] }),
  );
  assertEquals(blobsIn(temp.path), 5);
  temp.store.begin()[Symbol.dispose]();
  assertEquals(blobsIn(temp.path), 4);
  assertEquals(namesIn(`${temp.path}/work`), []);
});

Deno.test("a collection leaves alone what a running command has pinned", () => {
  using temp = new TempStore();
  addImage(temp.store, ONE, "one:1");
  {
    using work = temp.store.begin();
    work.pin(ONE.blobs.keys(), ONE.diffIds.slice(0, 1));
    temp.store.remove(temp.store.images());
    assertEquals([blobsIn(temp.path), layersIn(temp.path)], [4, 1]);
    assertEquals(collect(temp.path).blobs, []);
  }
  const { blobs, layers, bytes } = collect(temp.path, { measure: true });
  assertEquals([blobs.length, layers], [4, 1]);
  assert(bytes >= 4 * 4096);
  assertEquals(collect(temp.path).blobs, []);
});

Deno.test("two commands can add the same image", () => {
  using temp = new TempStore();
  using work = temp.store.begin();
  for (const [digest, bytes] of ONE.blobs) {
    Deno.writeFileSync(work.blob(digest), bytes);
  }
  const [chain = ""] = ONE.diffIds;
  const directory = work.layer(chain);
  Deno.mkdirSync(directory);
  Deno.writeTextFileSync(`${directory}/file`, "x");
  addImage(temp.store, ONE, "x:1");
  work.commit({ descriptor: ONE.manifest, name: "docker.io/library/y:1" });
  assertEquals(temp.store.images().length, 2);
  assertEquals(
    Deno.readTextFileSync(`${temp.path}/layers/${chain.slice(7)}/diff/file`),
    chain,
  );
});

Deno.test("entries of other tools are kept, and so is what they need", () => {
  using temp = new TempStore();
  addImage(temp.store, ONE, "one:1");
  addImage(temp.store, TWO);
  const path = `${temp.path}/index.json`;
  const index = JSON.parse(Deno.readTextFileSync(path));
  const [other] = index.manifests.splice(1, 1);
  const list = makeImage([]);
  // An index in the index, with a member that this program does not know.
  const nested = new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, manifests: [other] }),
  );
  const digest = makeDigest(nested);
  Deno.writeFileSync(`${temp.path}/blobs/sha256/${digest.slice(7)}`, nested);
  const entry = {
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest,
    size: nested.length,
    annotations: { "org.opencontainers.image.ref.name": "v1" },
    x: 1,
  };
  index.manifests.push(entry);
  Deno.writeTextFileSync(path, JSON.stringify(index));
  assertEquals(collect(temp.path).blobs, []);
  addImage(temp.store, list, "list:1");
  const { manifests } = JSON.parse(Deno.readTextFileSync(path));
  assertEquals(manifests[1], entry);
});

function makeDigest(bytes: Uint8Array): string {
  const [digest = ""] = [
    ...makeImage([new TextDecoder().decode(bytes)]).blobs.keys(),
  ];
  return digest;
}

Deno.test("a damaged summary file and damaged blobs are noticed", () => {
  using temp = new TempStore();
  addImage(temp.store, ONE, "one:1");
  Deno.writeTextFileSync(`${temp.path}/summaries.json`, "{");
  assertEquals(temp.store.find("one:1").size, 142);
  const { id } = temp.store.find("one:1");
  Deno.writeTextFileSync(`${temp.path}/blobs/sha256/${id.slice(7)}`, "{}");
  assertThrows(() => temp.store.find("one:1"), ContainerError, "damaged blob");
  assertEquals(temp.store.images(), []);
});

Deno.test("a damaged index is refused with its fault", () => {
  using temp = new TempStore();
  addImage(temp.store, ONE, "one:1");
  for (
    const [text, fault] of [
      ["{", "it is not JSON"],
      ["{}", "manifests is not a list"],
      ['{"manifests": [{}]}', "manifests[0].mediaType is not a text"],
      ['{"manifests": [null]}', "manifests[0] is not an object"],
    ] as const
  ) {
    Deno.writeTextFileSync(`${temp.path}/index.json`, text);
    const error = assertThrows(
      () => temp.store.images(),
      ContainerError,
      "Cannot read the store of images",
    );
    assert(error.message.includes(fault), error.message);
  }
});

Deno.test("other directories and newer stores are refused", () => {
  using temp = new TempStore();
  Deno.writeTextFileSync(`${temp.path}/notes`, "");
  const refused = (message: string) =>
    assertThrows(() => ImageStore.open(temp.path), ContainerError, message);
  refused("the directory has other files");
  Deno.writeTextFileSync(`${temp.path}/version`, "2\n");
  refused("it has version 2, and this program knows version 1");
  Deno.writeTextFileSync(`${temp.path}/version`, "x");
  refused('it has version "x"');
  Deno.chmodSync(temp.path, 0o777);
  refused("other users can write to it");
  assertThrows(
    () => ImageStore.open("/dev/null"),
    ContainerError,
    "it is not a directory",
  );
});
