/** Mirrors, blocked and insecure registries, and aliases. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../spec/errors.ts";
import { fullName, parseReference } from "../spec/reference.ts";
import { parseRegistriesConf } from "./registries_conf.ts";

const SHA = `sha256:${"a".repeat(64)}`;

const CONF = parseRegistriesConf(
  `
unqualified-search-registries = ["example.com"]
short-name-mode = "enforcing"

[[registry]]
location = "docker.io"
  [[registry.mirror]]
  location = "mirror.example.com/hub"
  insecure = true
  [[registry.mirror]]
  location = "second.example.com"
  pull-from-mirror = "digest-only"

[[registry]]
prefix = "example.com/old"
location = "new.example.com:5000/moved"
insecure = true

[[registry]]
prefix = "*.evil.org"
blocked = true

[[registry]]
prefix = "*.inner.org"

[aliases]
"centos" = "quay.io/centos/centos"
"a/b" = "c.org/d/e"
`,
  "x.conf",
);

const places = (word: string) =>
  CONF.endpoints(CONF.resolve(word)).map((
    { reference, insecure, isMirror },
  ) => [fullName(reference), insecure, isMirror]);

Deno.test("mirrors come first, and some only for digests", () => {
  assertEquals(places("alpine:3.20"), [
    ["mirror.example.com/hub/library/alpine:3.20", true, true],
    ["docker.io/library/alpine:3.20", false, false],
  ]);
  assertEquals(places(`x/y@${SHA}`), [
    [`mirror.example.com/hub/x/y@${SHA}`, true, true],
    [`second.example.com/x/y@${SHA}`, false, true],
    [`docker.io/x/y@${SHA}`, false, false],
  ]);
});

Deno.test("a prefix is replaced by the location", () => {
  assertEquals(places("example.com/old/a/b:1"), [
    ["new.example.com:5000/moved/a/b:1", true, false],
  ]);
  assertEquals(places("example.com/older:1"), [
    ["example.com/older:1", false, false],
  ]);
  assertEquals(places("a.inner.org/x:1"), [["a.inner.org/x:1", false, false]]);
});

Deno.test("a blocked registry is refused", () => {
  assertThrows(
    () => places("a.evil.org:5000/x:1"),
    ContainerError,
    "The registry *.evil.org is blocked by registries.conf",
  );
  assertEquals(places("evil.org/x:1").length, 1);
});

Deno.test("aliases replace short names, and keep tags and digests", () => {
  const name = (word: string) => fullName(CONF.resolve(word));
  assertEquals(name("centos"), "quay.io/centos/centos");
  assertEquals(name(`centos:7@${SHA}`), `quay.io/centos/centos:7@${SHA}`);
  assertEquals(name("a/b:1"), "c.org/d/e:1");
  assertEquals(
    name("docker.io/library/centos:7"),
    "docker.io/library/centos:7",
  );
  assertEquals(name("debian"), fullName(parseReference("debian")));
});

Deno.test("a file that is not understood is refused with its name", () => {
  for (
    const [text, message] of [
      ["[[registry", /Cannot use x.conf: /],
      ["[registries.search]\nregistries = []", /has version 1/],
      ["[[registry]]\nblocked = true", /no location and no prefix/],
      ['[[registry]]\nprefix = "a.b"', /a.b has no location/],
      ['[[registry]]\nlocation = "a.b"\nblocked = "yes"', /blocked is not/],
      ["registry = 1", /registry is not a list of tables/],
    ] as const
  ) {
    const { message: said } = assertThrows(
      () => parseRegistriesConf(text, "x.conf"),
      ContainerError,
    );
    assertEquals(message.test(said), true, said);
  }
});
