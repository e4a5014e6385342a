/**
 * The policy of containers-policy.json(5): which images may be used at all, and
 * which only with a signature. A demand that is not supported refuses the image:
 * it is never ignored.
 */

import { ContainerError } from "../../spec/errors.ts";
import {
  asReference,
  fullName,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from "../spec/reference.ts";
import type { LocalTransport } from "../spec/transport.ts";
import { Untrusted } from "../spec/untrusted.ts";
import { homeDirectory, readSettings } from "./config_files.ts";
import {
  readRequirement,
  type Requirement,
  type SignatureDemand,
} from "./requirement.ts";

/** A policy: what is demanded for each transport and scope. */
export interface Policy {
  file: string;
  standard: Requirement[];
  /** What is demanded for each scope of each transport. */
  transports: ReadonlyMap<string, ReadonlyMap<string, Requirement[]>>;
}

/** The policy of this user, else of the machine; null if there is none. */
export function readPolicy(): Policy | null {
  const home = homeDirectory();
  const files = [
    ...home === null ? [] : [`${home}/.config/containers/policy.json`],
    "/etc/containers/policy.json",
  ];
  for (const file of files) {
    const text = readSettings(file);
    if (text !== null) return parsePolicy(text, file);
  }
  return null;
}

/**
 * Parses a policy.
 *
 * @throws {ContainerError}
 */
export function parsePolicy(text: string, file: string): Policy {
  try {
    const value = Untrusted.parse(file, new TextEncoder().encode(text));
    const read = (at: Untrusted): Requirement[] => {
      const found = at.items().map(readRequirement);
      if (!found.length) throw at.fault("a list with a requirement");
      return found;
    };
    const transports = value.at("transports");
    const names = transports.optional((at) => at.keys()) ?? [];
    return {
      file,
      standard: read(value.at("default")),
      transports: new Map(names.map((name) => {
        const scopes = transports.at(name);
        return [
          name,
          new Map(
            (scopes.optional((at) => at.keys()) ?? []).map((scope) => [
              scope,
              read(scopes.at(scope)),
            ]),
          ),
        ];
      })),
    };
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    throw new ContainerError(error.message, {
      hint: "Correct it, see containers-policy.json(5).",
      cause: error,
    });
  }
}

/** The scopes of an image, the most specific first. */
function scopesOf(reference: Reference): string[] {
  const { registry, path } = reference;
  const parts = path.split("/");
  const names = parts.map((_, index) =>
    [registry, ...parts.slice(0, parts.length - index)].join("/")
  );
  const labels = registry.replace(/:\d+$/, "").split(".");
  const wildcards = labels.slice(1).map((_, index) =>
    `*.${labels.slice(index + 1).join(".")}`
  );
  const own = fullName(reference);
  return [
    ...own === repositoryOf(reference) ? [] : [own],
    ...names,
    registry,
    ...wildcards,
    "",
  ];
}

/**
 * Refuses an image of a registry that the policy does not allow.
 *
 * @returns the signatures that it demands; the caller must verify them
 * @throws {ContainerError}
 */
export const demandedFor = (
  policy: Policy | null,
  image: Reference,
): SignatureDemand[] =>
  check(policy, fullName(image), "docker", scopesOf(image));

/**
 * Refuses an image of a place of this machine that the policy does not allow.
 *
 * @param place.path its path without symbolic links; null for a stream
 * @throws {ContainerError}
 */
export function checkPlace(
  policy: Policy | null,
  { name, transport, path, image }: {
    name: string;
    transport: LocalTransport;
    path: string | null;
    image?: string;
  },
): void {
  const reference = transport === "docker-daemon" && path !== null
    ? asReference(path)
    : null;
  const scopes = reference
    ? scopesOf(withDefaultTag(reference))
    : hasPaths(transport) && path !== null
    ? [...image === undefined ? [] : [`${path}:${image}`], ...pathsOf(path)]
    : [];
  const [demand] = check(policy, name, transport, [...scopes, ""]);
  // Only a registry keeps signatures next to the image.
  if (demand) throw refusal(policy!, name, demand.type);
}

/** In the scopes of these transports are paths. */
const hasPaths = (transport: LocalTransport) =>
  ["dir", "oci", "oci-archive"].includes(transport);

/** A path and the directories above it, without the root. */
function pathsOf(path: string): string[] {
  const parts = path.split("/").slice(1);
  return parts.map((_, index) =>
    `/${parts.slice(0, parts.length - index).join("/")}`
  );
}

function check(
  policy: Policy | null,
  name: string,
  transport: string,
  scopes: readonly string[],
): SignatureDemand[] {
  if (!policy) return [];
  const known = policy.transports.get(transport);
  const scope = scopes.find((scope) => known?.has(scope));
  const demanded = scope === undefined ? policy.standard : known!.get(scope)!;
  return demanded.flatMap((requirement) => {
    switch (requirement.type) {
      case "insecureAcceptAnything":
        return [];
      case "sigstoreSigned":
        return [requirement];
      case "reject":
        throw refusal(policy, name);
    }
    throw refusal(policy, name, requirement.what);
  });
}

/** @param signature the kind of signature that is demanded, but not supported */
const refusal = ({ file }: Policy, name: string, signature?: string) =>
  new ContainerError(
    `Cannot use ${name}: ${file} ${
      signature === undefined
        ? "rejects it"
        : `demands a signature (${signature}), which is not supported`
    }`,
    {
      hint:
        "Use another image, or change the policy, see containers-policy.json(5).",
    },
  );
