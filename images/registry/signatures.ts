/**
 * Signatures of images as sigstore's cosign and containers keep them: next to
 * the image, under a tag made of its digest. Each is a payload that names the
 * image and its digest, and a signature of that payload. Runs in the command's
 * process.
 */

import {
  createVerify,
  type KeyObject,
  verify as verifyOnce,
} from "node:crypto";
import { ContainerError } from "../../spec/errors.ts";
import { withoutControls } from "../../spec/controls.ts";
import { Digester } from "../spec/digest.ts";
import {
  asReference,
  familiarName,
  type Reference,
} from "../spec/reference.ts";
import { type Descriptor, readDescriptor } from "../spec/types.ts";
import { Untrusted } from "../spec/untrusted.ts";
import { RegistryError } from "./errors.ts";
import type { Repository } from "./repository.ts";
import { keysOf, type SignatureDemand } from "./requirement.ts";

const PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE = "dev.cosignproject.cosign/signature";
const TYPE = "cosign container image signature";
/** As containers has it. */
const LARGEST_PAYLOAD = 4 * 1024 * 1024;
/** An image with more is meant to keep this program busy. */
const MOST_SIGNATURES = 64;

/** A payload and its signature, which nobody has verified. */
interface Signature {
  payload: Uint8Array;
  signature: Uint8Array;
}

/** The demands on an image, and the policy that they are from. */
export interface Demands {
  policy: string;
  signatures: readonly SignatureDemand[];
}

/**
 * Refuses an image without the signatures that a policy demands.
 *
 * @param image the name under which it is used
 * @param digest of the manifest of the image
 * @throws {ContainerError}
 */
export async function checkSignatures(
  { policy, signatures: demanded }: Demands,
  image: Reference,
  digest: string,
  repository: Repository,
): Promise<void> {
  if (!demanded.length) return;
  const found = await signaturesOf(digest, repository);
  for (const demand of demanded) {
    const keys = keysOf(demand, policy);
    const faults = found.map((signature) =>
      faultIn(signature, keys, demand, image, digest)
    );
    if (faults.includes(null)) continue;
    throw new ContainerError(
      `Cannot use ${familiarName(image)}: ${policy} demands a signature, and ${
        faults[0] ?? "the registry has none for it"
      }`,
      {
        hint:
          "Use another image, or change the policy, see containers-policy.json(5).",
      },
    );
  }
}

/** The signatures that a repository has of an image. */
async function signaturesOf(
  digest: string,
  repository: Repository,
): Promise<Signature[]> {
  const tag = `${digest.replace(":", "-")}.sig`;
  try {
    const { bytes } = await repository.manifest(tag);
    const name = `the signatures of ${repository.name}`;
    const layers = Untrusted.parse(name, bytes).at("layers")
      .items(MOST_SIGNATURES).map(readDescriptor);
    const found: Signature[] = [];
    for (const layer of layers) {
      const text = layer.annotations?.[SIGNATURE];
      if (layer.mediaType !== PAYLOAD || text === undefined) continue;
      found.push({
        payload: await payloadOf(layer, repository),
        signature: fromBase64(text),
      });
    }
    return found;
  } catch (error) {
    if (error instanceof RegistryError && error.code === 404) return [];
    throw error;
  }
}

/** A text that is no base64 is a signature that nothing verifies. */
function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

async function payloadOf(
  layer: Descriptor,
  repository: Repository,
): Promise<Uint8Array> {
  const broken = (cause: string) =>
    new ContainerError(
      `Cannot use a signature of ${repository.name}: ${cause}`,
      { hint: "Sign the image again." },
    );
  if (layer.size > LARGEST_PAYLOAD) throw broken("it is larger than 4 MiB");
  const payload = new Uint8Array(layer.size);
  const digester = new Digester(layer.digest);
  let size = 0;
  for await (const part of repository.blob(layer)) {
    if (size + part.length > layer.size) break;
    payload.set(part, size);
    size += part.length;
    digester.update(part);
  }
  if (size !== layer.size || digester.end() !== layer.digest) {
    throw broken("it has another digest");
  }
  return payload;
}

/** Why a signature does not count; null if it does. */
function faultIn(
  { payload, signature }: Signature,
  keys: readonly KeyObject[],
  { identity }: SignatureDemand,
  image: Reference,
  digest: string,
): string | null {
  // Before anything of the payload is believed.
  if (!keys.some((key) => isSignedBy(key, payload, signature))) {
    return "its signature is by another key";
  }
  const signed = readPayload(payload);
  if (signed === null) return "its signature is not of an image";
  if (signed.digest !== digest) return "its signature is of another image";
  const reference = asReference(signed.name);
  if (!reference || !identity(reference, image)) {
    return `its signature is for ${withoutControls(signed.name)}`;
  }
  return null;
}

function isSignedBy(
  key: KeyObject,
  payload: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return key.asymmetricKeyType === "ed25519"
      ? verifyOnce(null, payload, key, signature)
      : createVerify("sha256").update(payload).verify(key, signature);
  } catch {
    // It does not even look like a signature by this kind of key.
    return false;
  }
}

/**
 * What a payload says; null if it is of another form. As in containers, it
 * has these members and no others: what is signed must have one meaning.
 */
function readPayload(
  payload: Uint8Array,
): { name: string; digest: string } | null {
  try {
    const value = Untrusted.parse("the signature", payload);
    const members = (at: Untrusted, ...names: string[]) => {
      const found = at.keys();
      if (found.length !== names.length || !names.every((n) => at.has(n))) {
        throw at.fault("what a signature says");
      }
      return at;
    };
    // The part "optional" can be null.
    const critical = value.at("critical");
    if (value.keys().some((key) => !["critical", "optional"].includes(key))) {
      return null;
    }
    members(critical, "identity", "image", "type");
    const image = members(critical.at("image"), "docker-manifest-digest");
    const identity = members(critical.at("identity"), "docker-reference");
    if (critical.at("type").text() !== TYPE) return null;
    return {
      name: identity.at("docker-reference").text(),
      digest: image.at("docker-manifest-digest").text(),
    };
  } catch (error) {
    if (error instanceof ContainerError) return null;
    throw error;
  }
}
