/**
 * The demands of a policy, containers-policy.json(5): what each kind says, and
 * which are supported. A demand that is not understood is never taken for one
 * that is met.
 */

import { createPublicKey, type KeyObject } from "node:crypto";
import { ContainerError } from "../../spec/errors.ts";
import {
  asReference,
  fullName,
  type Reference,
  repositoryOf,
} from "../spec/reference.ts";
import type { Untrusted } from "../spec/untrusted.ts";
import { readSettings } from "./config_files.ts";

/** Whether the name in a signature fits the image that is used. */
export type Identity = (signed: Reference, used: Reference) => boolean;

/** A signature by one of some keys. */
export interface SignatureDemand {
  type: "sigstoreSigned";
  /** Files with a key in PEM, and keys. */
  keyPaths: string[];
  keys: string[];
  identity: Identity;
}

/** One demand of a policy. */
export type Requirement =
  | { type: "insecureAcceptAnything" | "reject" }
  | SignatureDemand
  /** What this program does not know, in the words of the policy. */
  | { type: "unsupported"; what: string };

/** Reads a demand. @throws {ContainerError} if it is malformed */
export function readRequirement(at: Untrusted): Requirement {
  const type = at.at("type").word();
  switch (type) {
    case "insecureAcceptAnything":
    case "reject":
      return { type };
    case "sigstoreSigned":
      return readSigned(at);
  }
  return { type: "unsupported", what: type };
}

/** What a demand of signatures can say. */
const MEMBERS = new Set([
  "type",
  "keyPath",
  "keyPaths",
  "keyData",
  "keyDatas",
  "signedIdentity",
]);

function readSigned(at: Untrusted): Requirement {
  const other = at.keys().find((key) => !MEMBERS.has(key));
  // Fulcio, Rekor and certificates (pki) are further demands.
  if (other !== undefined) {
    return { type: "unsupported", what: `sigstoreSigned with ${other}` };
  }
  const one = (key: string) =>
    at.at(key).optional((value) => [value.word()]) ?? [];
  const many = (key: string) =>
    at.at(key).optional((value) => value.words()) ?? [];
  const places = ["keyPath", "keyPaths", "keyData", "keyDatas"]
    .filter((key) => at.has(key));
  if (places.length !== 1) throw at.fault("a demand with one kind of key");
  const keyPaths = [...one("keyPath"), ...many("keyPaths")];
  const keys = [...one("keyData"), ...many("keyDatas")].map((text) => {
    try {
      return atob(text);
    } catch {
      throw at.at(places[0]!).fault("base64");
    }
  });
  if (!keyPaths.length && !keys.length) {
    throw at.at(places[0]!).fault("a list with a key");
  }
  return {
    type: "sigstoreSigned",
    keyPaths,
    keys,
    identity: at.at("signedIdentity").optional(readIdentity) ??
      isRepositoryOrExact,
  };
}

const isRepository: Identity = (signed, used) =>
  repositoryOf(signed) === repositoryOf(used);

const isExact: Identity = (signed, used) => fullName(signed) === fullName(used);

/** An image that is used by its digest has no tag to compare. */
const isRepositoryOrExact: Identity = (signed, used) =>
  used.tag === undefined
    ? isRepository(signed, used)
    : isExact(signed, { ...used, digest: undefined });

function readIdentity(at: Untrusted): Identity {
  const reference = (key: string) => {
    const found = asReference(at.at(key).word());
    if (!found) throw at.at(key).fault("the name of an image");
    return found;
  };
  switch (at.at("type").word()) {
    case "matchExact":
      return isExact;
    case "matchRepoDigestOrExact":
      return isRepositoryOrExact;
    case "matchRepository":
      return isRepository;
    case "exactReference": {
      const wanted = reference("dockerReference");
      return (signed) => isExact(signed, wanted);
    }
    case "exactRepository": {
      const wanted = reference("dockerRepository");
      return (signed) => isRepository(signed, wanted);
    }
    case "remapIdentity": {
      const prefix = at.at("prefix").word();
      const signedPrefix = at.at("signedPrefix").word();
      return (signed, used) => {
        const other = replaced(used, prefix, signedPrefix);
        return other !== null && isRepositoryOrExact(signed, other);
      };
    }
  }
  throw at.at("type").fault("a kind of identity");
}

/** The name with another beginning; the name itself if it has another one. */
function replaced(
  used: Reference,
  prefix: string,
  other: string,
): Reference | null {
  const name = repositoryOf(used);
  const isPart = name.startsWith(prefix) &&
    ["", "/"].includes(name.slice(prefix.length, prefix.length + 1));
  if (!isPart) return used;
  const found = asReference(`${other}${name.slice(prefix.length)}`);
  return found && { ...found, tag: used.tag, digest: used.digest };
}

/**
 * The keys of a demand.
 *
 * @throws {ContainerError} if a key is missing or damaged
 */
export function keysOf(
  { keyPaths, keys }: SignatureDemand,
  policy: string,
): KeyObject[] {
  const fault = (cause: string) =>
    new ContainerError(`Cannot use a key of ${policy}: ${cause}`, {
      hint: "It must be a public key in PEM, see containers-policy.json(5).",
    });
  const texts: [name: string, text: string][] = [
    ...keyPaths.map((path): [string, string] => {
      const text = readSettings(path);
      if (text === null) throw fault(`${path} does not exist`);
      return [path, text];
    }),
    ...keys.map((text): [string, string] => ["keyData", text]),
  ];
  return texts.map(([name, text]) => {
    // A private key would be taken for its public one.
    if (!text.includes("-----BEGIN PUBLIC KEY-----")) {
      throw fault(`${name} is no public key`);
    }
    try {
      return createPublicKey(text);
    } catch {
      throw fault(`${name} is no public key`);
    }
  });
}
