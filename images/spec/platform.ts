/**
 * Platforms: their names, and which of an image's platforms runs on a machine.
 * Pure.
 */

import { withoutControls } from "../../spec/controls.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Descriptor, Platform } from "./types.ts";

/** Other names of architectures, as uname(2) and Deno have them. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  armhf: "arm",
  armel: "arm",
  i386: "386",
  i486: "386",
  i586: "386",
  i686: "386",
  ppc64el: "ppc64le",
};

/** The variant that each architecture has if none is named. */
const VARIANTS: Readonly<Record<string, string>> = {
  amd64: "v1",
  arm: "v7",
  arm64: "v8",
};

/** The lowest variant of each architecture. */
const LOWEST: Readonly<Record<string, number>> = { amd64: 1, arm: 5, arm64: 8 };

/** The platform of this machine. */
export const hostPlatform = (
  arch: string = Deno.build.arch,
): Platform => ({ os: "linux", architecture: ARCHITECTURES[arch] ?? arch });

/**
 * Parses a platform: `linux/arm64`, `linux/arm/v7`, `arm64`, `linux`.
 *
 * @throws {UsageError}
 */
export function parsePlatform(text: string): Platform {
  const words = text.toLowerCase().split("/");
  const isWord = (word: string) => /^[a-z0-9_.-]+$/.test(word);
  if (words.length > 3 || !words.every(isWord)) {
    throw new UsageError(
      `--platform ${withoutControls(text) || '""'}: not a platform`,
      "Write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64.",
    );
  }
  const [first = "", second, variant] = words;
  if (second === undefined) {
    return first === "linux" ? hostPlatform() : named("linux", first);
  }
  return named(first, second, variant);
}

function named(os: string, arch: string, variant?: string): Platform {
  const old = arch === "armhf" ? "v7" : arch === "armel" ? "v6" : undefined;
  const given = (variant ?? old)?.replace(/^(?=\d)/, "v");
  return {
    os,
    architecture: Object.hasOwn(ARCHITECTURES, arch)
      ? ARCHITECTURES[arch]!
      : arch,
    ...given === undefined ? {} : { variant: given },
  };
}

/** The platform as text: `linux/arm/v7`. */
export const platformText = (
  { os, architecture, variant }: Platform,
): string =>
  withoutControls(
    [os, architecture, ...variant ? [variant] : []].join("/"),
  );

/** The variants that run on a platform, the best first. */
function variantsFor({ architecture, variant }: Platform): string[] {
  const best = variant ?? VARIANTS[architecture] ?? "";
  const lowest = LOWEST[architecture];
  const number = /^v(\d+)$/.exec(best)?.[1];
  if (lowest === undefined || number === undefined) return [best];
  return Array.from(
    { length: Math.max(0, Number(number) - lowest + 1) },
    (_, index) => `v${Number(number) - index}`,
  );
}

/**
 * How well content for a platform runs on another: 0 is best; null if it does
 * not run.
 */
export function fitOf(content: Platform, wanted: Platform): number | null {
  const other = named(content.os, content.architecture, content.variant);
  const same = named(wanted.os, wanted.architecture, wanted.variant);
  if (
    other.os !== same.os || other.architecture !== same.architecture
  ) return null;
  const own = other.variant || (VARIANTS[other.architecture] ?? "");
  const at = variantsFor(same).indexOf(own);
  return at < 0 ? null : at;
}

/** Whether a descriptor is of build information, not of an image. */
export const isAttestation = ({ platform, annotations }: Descriptor) =>
  platform?.os === "unknown" ||
  annotations?.["vnd.docker.reference.type"] === "attestation-manifest";

/**
 * Chooses the manifest for a platform. Of equals the first counts, as the
 * specification demands.
 *
 * @param name the image, for messages
 * @throws {ContainerError} if there is none, with those that exist
 */
export function chooseManifest(
  name: string,
  manifests: readonly Descriptor[],
  wanted: Platform,
): Descriptor {
  const images = manifests.filter((manifest) => !isAttestation(manifest));
  const [best] = images.flatMap((manifest) => {
    const fit = manifest.platform ? fitOf(manifest.platform, wanted) : null;
    return fit === null ? [] : [{ manifest, fit }];
  }).toSorted((one, other) => one.fit - other.fit);
  if (best) return best.manifest;
  const bare = images.filter(({ platform }) => !platform);
  if (bare.length === 1 && images.length === 1) return bare[0]!;
  const there = images.flatMap(({ platform }) =>
    platform ? [platformText(platform)] : []
  );
  throw new ContainerError(
    `${name} is not made for ${platformText(wanted)}`,
    {
      hint: there.length
        ? `It is made for ${
          [...new Set(there)].join(", ")
        }: choose one with --platform.`
        : "It names no platforms: the image is broken.",
    },
  );
}
