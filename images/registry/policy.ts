/**
 * The policy of containers-policy.json(5): which images may be used at all.
 * Signatures are not verified, so a policy that demands one refuses the image:
 * it is never ignored.
 */

import { ContainerError } from "../../spec/errors.ts";
import { fullName, type Reference, repositoryOf } from "../spec/reference.ts";
import { Untrusted } from "../spec/untrusted.ts";
import { homeDirectory, readSettings } from "./config_files.ts";

/** One demand of a policy, by its type. */
interface Requirement {
  type: string;
}

/** A policy: what is demanded for each transport and scope. */
export interface Policy {
  file: string;
  standard: Requirement[];
  /** For images of registries. */
  scopes: ReadonlyMap<string, Requirement[]>;
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
      const found = at.items().map((item) => ({
        type: item.at("type").word(),
      }));
      if (!found.length) throw at.fault("a list with a requirement");
      return found;
    };
    const docker = value.at("transports").at("docker");
    return {
      file,
      standard: read(value.at("default")),
      scopes: new Map(
        (docker.optional((at) => at.keys()) ?? []).map((scope) => [
          scope,
          read(docker.at(scope)),
        ]),
      ),
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
 * Refuses an image that the policy does not allow.
 *
 * @throws {ContainerError}
 */
export function checkPolicy(policy: Policy | null, image: Reference): void {
  if (!policy) return;
  const scope = scopesOf(image).find((scope) => policy.scopes.has(scope));
  const demanded = scope === undefined
    ? policy.standard
    : policy.scopes.get(scope)!;
  for (const { type } of demanded) {
    if (type === "insecureAcceptAnything") continue;
    throw new ContainerError(
      type === "reject"
        ? `Cannot use ${fullName(image)}: ${policy.file} rejects it`
        : `Cannot use ${
          fullName(image)
        }: ${policy.file} demands a signature (${type}), which is not supported`,
      {
        hint:
          "Use another image, or change the policy, see containers-policy.json(5).",
      },
    );
  }
}
