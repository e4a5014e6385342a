/** Signatures that the policy demands, as the program verifies them. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import { test, without } from "../_harness.ts";
import { does, ImageBox, SampleImage } from "./_image_store.ts";
import { NO_REGISTRY, Proxy, Registry } from "./_registry.ts";

const skip = NO_REGISTRY ?? without("umoci");

test(
  "a policy that demands a signature is met, or the image refused",
  async () => {
    await using registry = await Registry.start();
    await using proxy = new Proxy(registry.host);
    await using sample = await SampleImage.make();
    await using box = new ImageBox();
    await sample.put(`${registry.host}/app:1`);
    const { Digest: digest } = JSON.parse(
      await does([
        ...["skopeo", "inspect", "--tls-verify=false"],
        `docker://${registry.host}/app:1`,
      ]),
    );
    const name = `${proxy.host}/app:1`;
    const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = `${box.dir.path}/key.pub`;
    await Deno.writeTextFile(
      key,
      keys.publicKey.export({ type: "spki", format: "pem" }) as string,
    );
    box.settings(
      "policy.json",
      JSON.stringify({
        default: [{ type: "reject" }],
        transports: {
          docker: { [proxy.host]: [{ type: "sigstoreSigned", keyPath: key }] },
        },
      }),
    );
    assertMatch(
      await box.fails("pull", name),
      /policy\.json demands a signature, and the registry has none for it\. Use another image/,
    );
    const payload = JSON.stringify({
      critical: {
        identity: { "docker-reference": name },
        image: { "docker-manifest-digest": digest },
        type: "cosign container image signature",
      },
      optional: null,
    });
    const signature = createSign("sha256").update(payload).sign(
      keys.privateKey,
    );
    let text = signature.toString("base64");
    const hash = createHash("sha256").update(payload).digest("hex");
    proxy.fault = (_, { pathname }) =>
      pathname.endsWith(`/manifests/${digest.replace(":", "-")}.sig`)
        ? Response.json({
          schemaVersion: 2,
          layers: [{
            mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
            digest: `sha256:${hash}`,
            size: payload.length,
            annotations: { "dev.cosignproject.cosign/signature": text },
          }],
        })
        : pathname.endsWith(`/blobs/sha256:${hash}`)
        ? new Response(payload)
        : null;
    await box.does("pull", "-q", name);
    // It is verified again with each pull.
    await box.does("pull", "-q", name);
    text = btoa("another one");
    assertMatch(
      await box.fails("pull", name),
      /its signature is by another key/,
    );
    await box.does("rmi", name);
    assertMatch(
      await box.fails("pull", name),
      /its signature is by another key/,
    );
    assertEquals(box.left(), [0, 0, 0]);
  },
  { skip },
);
