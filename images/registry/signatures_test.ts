/** Signatures of images: those of skopeo, and those that do not fit. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import {
  createSign,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { ContainerError } from "../../spec/errors.ts";
import { digestOf } from "../spec/digest.ts";
import { parseReference } from "../spec/reference.ts";
import { failure, TestServer } from "./_server_fixture.ts";
import { demandedFor, parsePolicy } from "./policy.ts";
import { checkSignatures } from "./signatures.ts";

/** The digest of an image that skopeo 1.18 has signed with this key. */
const DIGEST =
  "sha256:b0da379c065541e82a9d6ecba41e61d181cbb4972da24a2fc1fb30e7afe9927b";
const KEY = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEY/LT21KboB8CMDAgWve6giTmk1AG
AndDtmD6BXTFv7CgZz0RN2i/DxRxHMrh/lhX84dr6Hf4Z8jTjUmgtkvEbA==
-----END PUBLIC KEY-----
`;
const NAME = "registry.example/team/app:1";
/** What skopeo copy --sign-identity has put into the registry. */
const PAYLOAD = JSON.stringify({
  "critical": {
    "identity": { "docker-reference": "registry.example/team/app:1" },
    "image": {
      "docker-manifest-digest":
        "sha256:b0da379c065541e82a9d6ecba41e61d181cbb4972da24a2fc1fb30e7afe9927b",
    },
    "type": "cosign container image signature",
  },
  "optional": { "creator": "containers/image 5.34.2", "timestamp": 1796117091 },
});
const SIGNATURE =
  "MEUCIQDXqKe7hAT7vmTPeBoiNEBMbya110q4kjcd+/cqcMXJ5wIgUf504IUlta0EWJbiwMsDyQ0zvBT1iz54pD3EafZPEkI=";

interface Signed {
  payload: string;
  signature: string;
}

const SKOPEO: Signed = { payload: PAYLOAD, signature: SIGNATURE };

/** A registry with signatures of an image. */
function serving(signatures: readonly Signed[], digest = DIGEST): TestServer {
  const layers = signatures.map(({ payload, signature }) => ({
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
    digest: digestOf(payload),
    size: new TextEncoder().encode(payload).length,
    annotations: { "dev.cosignproject.cosign/signature": signature },
  }));
  const payloads = new Map(
    signatures.map(({ payload }) => [digestOf(payload), payload]),
  );
  return new TestServer((_, { pathname }) => {
    const [, kind, target = ""] = /(manifests|blobs)\/(.*)$/.exec(pathname) ??
      [];
    if (kind === "manifests" && target === `${digest.replace(":", "-")}.sig`) {
      return signatures.length
        ? Response.json({ schemaVersion: 2, layers })
        : failure(404, "MANIFEST_UNKNOWN");
    }
    const payload = payloads.get(target);
    return payload === undefined
      ? failure(404, "BLOB_UNKNOWN")
      : new Response(payload);
  });
}

/** Checks an image; returns why it is refused, or null. */
async function verdict(
  { signatures = [SKOPEO], name = NAME, digest = DIGEST, ...demand }: {
    signatures?: readonly Signed[];
    name?: string;
    digest?: string;
  } & Record<string, unknown>,
): Promise<string | null> {
  await using server = serving(signatures, digest);
  const policy = parsePolicy(
    JSON.stringify({
      default: [{ type: "sigstoreSigned", keyData: btoa(KEY), ...demand }],
    }),
    "policy.json",
  );
  const image = parseReference(name);
  const demands = {
    policy: policy.file,
    signatures: demandedFor(policy, image),
  };
  try {
    await checkSignatures(demands, image, digest, server.repository());
    return null;
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    return error.message;
  }
}

const refused = (cause: string, name = NAME) =>
  `Cannot use ${name}: policy.json demands a signature, and ${cause}`;

Deno.test("an image that skopeo has signed is accepted", async () => {
  assertEquals(await verdict({}), null);
  // One of several is enough.
  const bad = { payload: "{}", signature: "AAAA" };
  assertEquals(await verdict({ signatures: [bad, SKOPEO] }), null);
});

Deno.test("an image without a fitting signature is refused with the reason", async () => {
  assertEquals(
    await verdict({ signatures: [] }),
    refused("the registry has none for it"),
  );
  const other = digestOf("other");
  assertEquals(
    await verdict({ digest: other }),
    refused("its signature is of another image"),
  );
  for (
    const signed of [
      { ...SKOPEO, payload: PAYLOAD.replace("app:1", "app:2") },
      { ...SKOPEO, signature: "" },
      { ...SKOPEO, signature: "no base64" },
      { ...SKOPEO, signature: SIGNATURE.slice(0, 40) },
    ]
  ) {
    assertEquals(
      await verdict({ signatures: [signed] }),
      refused("its signature is by another key"),
    );
  }
  const name = "registry.example/team/app:2";
  assertEquals(
    await verdict({ name }),
    refused(`its signature is for ${NAME}`, name),
  );
});

Deno.test("the name in a signature fits as signedIdentity says", async () => {
  const DIGESTED = `registry.example/team/app@${DIGEST}`;
  const cases: [identity: object | undefined, name: string, fits: boolean][] = [
    [undefined, DIGESTED, true],
    [undefined, `registry.example/team/other@${DIGEST}`, false],
    [undefined, `registry.example/team/app:2@${DIGEST}`, false],
    [{ type: "matchExact" }, NAME, true],
    [{ type: "matchExact" }, DIGESTED, false],
    [{ type: "matchRepository" }, "registry.example/team/app:2", true],
    [{ type: "matchRepository" }, "registry.example/team/ap:1", false],
    [
      { type: "exactReference", dockerReference: NAME },
      "any.example/x:3",
      true,
    ],
    [
      {
        type: "exactReference",
        dockerReference: "registry.example/team/app:2",
      },
      NAME,
      false,
    ],
    [
      {
        type: "exactRepository",
        dockerRepository: "registry.example/team/app",
      },
      "any.example/x:3",
      true,
    ],
    ...[["mirror.example", true], ["mirror.exampl", false], [
      "other.example",
      false,
    ]]
      .map(([prefix, fits]): [object, string, boolean] => [
        {
          type: "remapIdentity",
          prefix,
          signedPrefix: "registry.example",
        },
        "mirror.example/team/app:1",
        fits as boolean,
      ]),
  ];
  for (const [signedIdentity, name, fits] of cases) {
    const found = await verdict({
      name,
      ...signedIdentity && { signedIdentity },
    });
    assertEquals(found === null, fits, `${name}: ${found}`);
  }
});

/** A payload for an image, signed with a key. */
function signedWith(
  key: KeyObject,
  {
    name = NAME,
    digest = DIGEST,
    more = {},
    type = "cosign container image signature",
  } = {},
): Signed {
  const payload = JSON.stringify({
    critical: {
      identity: { "docker-reference": name },
      image: { "docker-manifest-digest": digest },
      type,
      ...more,
    },
    optional: null,
  });
  const bytes = new TextEncoder().encode(payload);
  const signature = key.asymmetricKeyType === "ed25519"
    ? sign(null, bytes, key)
    : createSign("sha256").update(bytes).sign(key);
  return { payload, signature: signature.toString("base64") };
}

Deno.test("keys of each kind verify, and the payload has one meaning", async () => {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ed25519"),
  ];
  const dataOf = ({ publicKey }: typeof pairs[number]) =>
    btoa(publicKey.export({ type: "spki", format: "pem" }) as string);
  for (const [index, pair] of pairs.entries()) {
    const signatures = [signedWith(pair.privateKey)];
    const demand = { signatures, keyData: dataOf(pair) };
    assertEquals(await verdict(demand), null, `${index}`);
    const other = dataOf(pairs[(index + 1) % pairs.length]!);
    assertEquals(
      await verdict({ signatures, keyData: other }),
      refused("its signature is by another key"),
    );
  }
  const [pair] = pairs;
  for (
    const change of [
      { more: { extra: 1 } },
      { type: "atomic container signature" },
    ]
  ) {
    assertEquals(
      await verdict({
        signatures: [signedWith(pair!.privateKey, change)],
        keyData: dataOf(pair!),
      }),
      refused("its signature is not of an image"),
    );
  }
});

Deno.test("keys that are missing or private are refused", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const secret = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  for (
    const [demand, cause] of [
      [{ keyData: btoa(secret) }, "keyData is no public key"],
      [{ keyData: btoa("hello") }, "keyData is no public key"],
      [
        { keyData: undefined, keyPath: "/nowhere/key.pub" },
        "/nowhere/key.pub does not exist",
      ],
    ] as const
  ) {
    assertEquals(
      await verdict(demand),
      `Cannot use a key of policy.json: ${cause}`,
    );
  }
  for (
    const demand of [
      { keyPath: "/x" },
      { keyData: undefined },
      { keyData: "%" },
      { keyData: undefined, keyPaths: [] },
      { signedIdentity: { type: "matchAnything" } },
    ]
  ) {
    await assertRejects(() => verdict(demand), ContainerError, "policy.json");
  }
});
