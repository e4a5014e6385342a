// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { makeElf } from "./_elf_fixture.ts";
import { parseApplets, sha256Hex, staticBinaryProblem } from "./verify.ts";

Deno.test("staticBinaryProblem() accepts a static binary", () => {
  assertEquals(staticBinaryProblem(makeElf(), "x86_64"), null);
  assertEquals(staticBinaryProblem(makeElf({ machine: 183 }), "aarch64"), null);
});

Deno.test("staticBinaryProblem() names what is wrong", () => {
  const problem = (bytes: Uint8Array) =>
    staticBinaryProblem(bytes, "x86_64") ?? "";
  assertStringIncludes(problem(new Uint8Array(100)), "not an ELF executable");
  assertStringIncludes(
    problem(makeElf({ machine: 183 })),
    "it is for aarch64, but this machine is x86_64",
  );
  assertStringIncludes(
    problem(makeElf({ interpreter: "/lib/ld.so" })),
    "it needs the loader /lib/ld.so",
  );
  assertStringIncludes(
    problem(makeElf({ dynamicTags: [1, 0] })),
    "it needs shared libraries",
  );
});

Deno.test("parseApplets() sorts, drops doubles and busybox itself", () => {
  const output = "sh\nps\n[\n[[\nls\ncat\nbusybox\necho\nsh\n";
  const names = ["[", "[[", "cat", "echo", "ls", "ps", "sh"];
  assertEquals(parseApplets(output), names);
});

Deno.test("parseApplets() refuses names that are paths or lists without the seed's", () => {
  assertEquals(
    parseApplets("sh\n../evil\n"),
    'its --list prints "../evil", which is not an applet name',
  );
  assertEquals(
    parseApplets("sh\n..\n"),
    'its --list prints "..", which is not an applet name',
  );
  assertEquals(
    parseApplets("sh\nls\n"),
    "its --list does not have cat, echo, ps",
  );
});

Deno.test("sha256Hex() matches the standard's example", async () => {
  assertEquals(
    await sha256Hex(new TextEncoder().encode("abc")),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});
