/** The grammar of image names, with the cases of docker's own tests. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../spec/errors.ts";
import {
  asReference,
  familiarName,
  fullName,
  meansImage,
  parseReference,
  withDefaultTag,
} from "./reference.ts";
import { namesTransport, parsePlace } from "./transport.ts";

const SHA = `sha256:${"0123456789abcdef".repeat(4)}`;

Deno.test("a name is completed as docker completes it", () => {
  const cases: [word: string, full: string, familiar: string][] = [
    ["alpine", "docker.io/library/alpine", "alpine"],
    ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
    ["a/b", "docker.io/a/b", "a/b"],
    ["library/alpine", "docker.io/library/alpine", "alpine"],
    ["docker.io/alpine", "docker.io/library/alpine", "alpine"],
    ["index.docker.io/a/b:c", "docker.io/a/b:c", "a/b:c"],
    ["docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"],
    ["ghcr.io/x/y", "ghcr.io/x/y", "ghcr.io/x/y"],
    ["localhost/x", "localhost/x", "localhost/x"],
    ["localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"],
    ["[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"],
    ["HOST/x", "HOST/x", "HOST/x"],
    [`a@${SHA}`, `docker.io/library/a@${SHA}`, `a@${SHA}`],
    [`a:b@${SHA}`, `docker.io/library/a:b@${SHA}`, `a:b@${SHA}`],
    ["foo__bar/a-b--c.d", "docker.io/foo__bar/a-b--c.d", "foo__bar/a-b--c.d"],
    [
      "xn--7o8h.com/x:a.B_c-D",
      "xn--7o8h.com/x:a.B_c-D",
      "xn--7o8h.com/x:a.B_c-D",
    ],
  ];
  for (const [word, full, familiar] of cases) {
    const reference = parseReference(word);
    assertEquals(fullName(reference), full, word);
    assertEquals(familiarName(reference), familiar, word);
    assertEquals(parseReference(full), reference, word);
    assertEquals(parseReference(familiar), reference, word);
  }
});

Deno.test("other words are no names of images", () => {
  for (
    const word of [
      ...[
        "",
        ":tag",
        "/a",
        "./a",
        "../a",
        "a/",
        "a//b",
        "-a",
        "a-",
        "A",
        "a/B",
      ],
      ...["a:", "a:.b", `a:${"x".repeat(129)}`, "a b", "a\nb", "a:b:c", "-x/a"],
      ...["a@", "a@sha256:12", "a@md5:0123", `a@${SHA.toUpperCase()}`, "a__.b"],
      ...["x.-y/a", "a:b/c:d/e", "é", "https://a.b/c", "a.b:port/c", "[::g]/a"],
      ...["a.b:123456/c", SHA.slice(7), `a/${"x".repeat(255)}`],
    ]
  ) {
    assertEquals(asReference(word), null, word);
    assertThrows(() => parseReference(word), UsageError);
  }
});

Deno.test("a faulty name is reported with its fault", () => {
  const error = assertThrows(() => parseReference("Alpine"), UsageError);
  assertEquals(
    error.message,
    "Alpine is not the name of an image: the name of a repository is in lower case",
  );
});

Deno.test("only a registry, a tag or a digest makes a word an image", () => {
  for (
    const word of [
      ...["alpine:3.20", "ghcr.io/x/y", "localhost/x", `alpine@${SHA}`],
      ...["a/b:latest", "127.0.0.1:5000/x"],
    ]
  ) assertEquals(meansImage(word), true, word);
  for (
    const word of [
      ...[
        "alpine",
        "a/b",
        "./a.b/c:1",
        "/bin/sh",
        "../x:1",
        "sh",
        "a.b",
        "ls:",
      ],
      ...["FOO=bar", "x:y z"],
    ]
  ) assertEquals(meansImage(word), false, word);
});

Deno.test("a name without tag and digest gets the tag latest", () => {
  const full = (word: string) => fullName(withDefaultTag(parseReference(word)));
  assertEquals(full("a"), "docker.io/library/a:latest");
  assertEquals(full(`a@${SHA}`), `docker.io/library/a@${SHA}`);
});

Deno.test("transports are those of skopeo, and win over repositories", () => {
  assertEquals(parsePlace("oci:latest"), { transport: "oci", path: "latest" });
  assertEquals(parsePlace("oci:/a/b:docker.io/x:1"), {
    transport: "oci",
    path: "/a/b",
    image: "docker.io/x:1",
  });
  assertEquals(parsePlace("docker-archive:x.tar:a:b"), {
    transport: "docker-archive",
    path: "x.tar",
    image: "a:b",
  });
  assertEquals(parsePlace("dir:/a:b"), { transport: "dir", path: "/a:b" });
  assertEquals(parsePlace("docker://alpine"), {
    transport: "docker",
    reference: parseReference("alpine"),
  });
  assertEquals(parsePlace("ocix:1").transport, "docker");
  assertThrows(() => parsePlace("oci:"), UsageError, "names no place");
  assertThrows(
    () => parsePlace("containers-storage:x"),
    UsageError,
    "the store of podman is not supported",
  );
  assertEquals(
    ["oci:x", "docker://x", "containers-storage:x", "ocix:1", "oci"]
      .filter(namesTransport),
    ["oci:x", "docker://x", "containers-storage:x"],
  );
});
