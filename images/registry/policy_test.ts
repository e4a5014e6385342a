/** Policies of containers-policy.json(5). */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../spec/errors.ts";
import { parseReference } from "../spec/reference.ts";
import { checkPlace, demandedFor, parsePolicy } from "./policy.ts";

const ACCEPT = [{ type: "insecureAcceptAnything" }];
const REJECT = [{ type: "reject" }];

const POLICY = parsePolicy(
  JSON.stringify({
    default: REJECT,
    transports: {
      docker: {
        "docker.io/library": ACCEPT,
        "docker.io/library/bad": REJECT,
        "docker.io/library/bad:1": ACCEPT,
        "x.org:5000": ACCEPT,
        "*.inner.org": ACCEPT,
        "signed.org": [{ type: "sigstoreSigned", keyPath: "/k" }],
        "gpg.org": [{ type: "signedBy", keyType: "GPGKeys", keyPath: "/k" }],
        "fulcio.org": [{ type: "sigstoreSigned", fulcio: {} }],
      },
      oci: { "": ACCEPT, "/srv": REJECT, "/srv/good:1": ACCEPT },
      "docker-archive": { "": ACCEPT },
      dir: { "/srv/good": ACCEPT },
      "docker-daemon": { "docker.io/library/good": ACCEPT },
    },
  }),
  "policy.json",
);

const verdict = (word: string): string => {
  try {
    const demanded = demandedFor(POLICY, parseReference(word));
    return demanded.length ? "signed" : "accepted";
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    return error.message;
  }
};

Deno.test("the most specific scope of an image decides", () => {
  assertEquals(verdict("alpine:1"), "accepted");
  assertEquals(
    verdict("bad:2"),
    "Cannot use docker.io/library/bad:2: policy.json rejects it",
  );
  assertEquals(verdict("bad:1"), "accepted");
  assertEquals(verdict("x.org:5000/a:1"), "accepted");
  assertEquals(verdict("x.org/a:1").endsWith("rejects it"), true);
  assertEquals(verdict("a.b.inner.org/a:1"), "accepted");
  assertEquals(verdict("inner.org/a:1").endsWith("rejects it"), true);
  demandedFor(null, parseReference("anything"));
});

Deno.test("a signature that cannot be verified is refused, not ignored", () => {
  assertEquals(verdict("signed.org/a:1"), "signed");
  assertEquals(
    verdict("gpg.org/a:1"),
    "Cannot use gpg.org/a:1: policy.json demands a signature (signedBy), which is not supported",
  );
  assertEquals(
    verdict("fulcio.org/a:1"),
    "Cannot use fulcio.org/a:1: policy.json demands a signature (sigstoreSigned with fulcio), which is not supported",
  );
});

Deno.test("a damaged policy is refused", () => {
  for (const text of ["", "{}", '{"default": []}', '{"default": [{}]}']) {
    assertThrows(
      () => parsePolicy(text, "policy.json"),
      ContainerError,
      "Cannot use policy.json",
    );
  }
});

Deno.test("places of this machine have scopes of their own", () => {
  const at = (
    transport: Parameters<typeof checkPlace>[1]["transport"],
    path: string | null,
    image?: string,
  ): boolean => {
    try {
      checkPlace(POLICY, {
        name: "it",
        transport,
        path,
        ...image === undefined ? {} : { image },
      });
      return true;
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      assertEquals(error.message, "Cannot use it: policy.json rejects it");
      return false;
    }
  };
  assertEquals(at("oci", "/home/x"), true);
  assertEquals(at("oci", "/srv/x"), false);
  assertEquals(at("oci", "/srv/good"), false);
  assertEquals(at("oci", "/srv/good", "1"), true);
  assertEquals(at("docker-archive", null), true);
  assertEquals(at("oci-archive", "/x"), false);
  assertEquals(at("dir", "/srv/good/one"), true);
  assertEquals(at("dir", "/srv/goods"), false);
  assertEquals(at("docker-daemon", "good:1"), true);
  assertEquals(at("docker-daemon", "bad"), false);
});
