// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../spec/errors.ts";
import { meaningOf, meaningOfImage } from "./image_word.ts";

/** The meaning of a word, with what was asked to find out. */
async function meaning(
  word: string,
  { hasRoot = false, commands = ["sh"], images = ["app"] } = {},
): Promise<string> {
  const asked: string[] = [];
  const found = await meaningOf(word, {
    hasRoot,
    isCommand() {
      asked.push("root");
      return Promise.resolve(commands.includes(word));
    },
    isHere() {
      asked.push("store");
      return Promise.resolve(images.includes(word));
    },
  });
  const { kind } = found;
  const detail = kind === "image"
    ? found.fetch ? " to fetch" : ""
    : kind === "command"
    ? found.couldBe ? " or an image" : ""
    : ` ${found.transport}`;
  return `${kind}${detail}${asked.length ? ` (${asked.join(", ")})` : ""}`;
}

Deno.test("meaningOf() takes a word for an image if it has a registry, tag or digest", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  for (
    const word of [
      ...["alpine:3.20", "ghcr.io/x/y", "localhost/app", "host:5000/app"],
      ...[`alpine@${digest}`, `a/b@${digest}`, "a/b:1", "docker://alpine"],
    ]
  ) assertEquals(await meaning(word), "image to fetch", word);
});

Deno.test("meaningOf() never takes a path for an image", async () => {
  for (
    const word of ["/bin/sh", "./alpine:3.20", "../x:1", "/x:1", "./ghcr.io/x"]
  ) assertEquals(await meaning(word), "command", word);
});

Deno.test("meaningOf() takes a bare word for a command first, then for an image that is here", async () => {
  assertEquals(await meaning("sh"), "command (root)");
  assertEquals(
    await meaning("app", { commands: ["app"] }),
    "command (root)",
  );
  assertEquals(await meaning("app"), "image (root, store)");
  assertEquals(await meaning("a/b"), "command or an image (root, store)");
  assertEquals(await meaning("alpin"), "command or an image (root, store)");
});

Deno.test("meaningOf() takes a word that cannot name an image for a command", async () => {
  for (const word of ["Xorg", "a b", "[", "x:", "X:1", "a@b", "-x", "é"]) {
    assertEquals(await meaning(word), "command", word);
  }
});

Deno.test("meaningOf() takes every word for a command if the root is named", async () => {
  assertEquals(await meaning("alpine:3.20", { hasRoot: true }), "command");
  assertEquals(await meaning("oci:x", { hasRoot: true }), "command");
});

Deno.test("meaningOf() prefers a transport to a repository of its name", async () => {
  assertEquals(await meaning("oci:latest"), "place oci");
  assertEquals(await meaning("docker-archive:x.tar"), "place docker-archive");
  await assertRejects(
    () => meaning("containers-storage:x"),
    UsageError,
    "the store of podman is not supported",
  );
  assertEquals(meaningOfImage("dir:x"), { kind: "place", transport: "dir" });
  assertEquals(meaningOfImage("alpine"), { kind: "image", fetch: true });
});
