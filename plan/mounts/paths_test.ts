/** Tests of finding the paths above and below a path. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { directoriesAbove, PathMap } from "./paths.ts";

Deno.test("directoriesAbove() lists the nearest directory first, without /", () => {
  assertEquals(directoriesAbove("/a/b/c"), ["/a/b", "/a"]);
  assertEquals(directoriesAbove("/a"), []);
  assertEquals(directoriesAbove("/"), []);
  assertEquals(directoriesAbove(""), []);
});

Deno.test("PathMap finds the paths above a path", () => {
  const paths = new PathMap<number>();
  paths.set("/a", 1);
  paths.set("/a/b/c", 2);
  assertEquals(paths.above("/a/b/c/d"), ["/a/b/c", "/a"]);
  assertEquals(paths.above("/a/b/c"), ["/a"]);
  assertEquals(paths.above("/ab"), []);
  assertEquals(paths.get("/a/b/c"), 2);
});

Deno.test("PathMap knows whether paths are below a directory, and removes them", () => {
  const paths = new PathMap<number>();
  for (const path of ["/a", "/a/b", "/a/b", "/a/c/d", "/ab/c"]) {
    paths.set(path, 0);
  }
  assertEquals([paths.hasBelow("/a"), paths.hasBelow("/a/b")], [true, false]);
  paths.deleteBelow("/a");
  assertEquals([paths.hasBelow("/a"), paths.hasBelow("/a/c")], [false, false]);
  assertEquals([paths.get("/a"), paths.get("/a/b")], [0, undefined]);
  paths.delete("/ab/c");
  paths.delete("/ab/c");
  assertEquals(paths.hasBelow("/ab"), false);
});
