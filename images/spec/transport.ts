/**
 * Where an image comes from: a registry, or a place that skopeo(1) names with a
 * transport, such as `oci:DIRECTORY:TAG`. Pure.
 */

import { UsageError } from "../../spec/errors.ts";
import { parseReference, type Reference } from "./reference.ts";

/** A place on this machine. */
export interface LocalPlace {
  transport: LocalTransport;
  /** A directory, a file, or the name of an image of the docker daemon. */
  path: string;
  /** The name of the image in it. */
  image?: string;
}

/** A registry. */
export interface RegistryPlace {
  transport: "docker";
  reference: Reference;
}

/** Where an image comes from or goes to. */
export type Place = LocalPlace | RegistryPlace;

const LOCAL = [
  "oci",
  "oci-archive",
  "docker-archive",
  "dir",
  "docker-daemon",
] as const;

/** The transports for places on this machine. */
export type LocalTransport = typeof LOCAL[number];

const REGISTRY = "docker://";
const WHOLE: ReadonlySet<LocalTransport> = new Set(["dir", "docker-daemon"]);

/** The transport for podman's own store, which only its programs can read. */
const PODMAN = "containers-storage:";

/** Whether a word begins with a transport, so that it is no image's name. */
export const namesTransport = (word: string): boolean =>
  word.startsWith(REGISTRY) || word.startsWith(PODMAN) ||
  LOCAL.some((transport) => word.startsWith(`${transport}:`));

/** Whether a word names a place of this machine. */
export const isLocal = (word: string): boolean =>
  LOCAL.some((transport) => word.startsWith(`${transport}:`));

/**
 * Parses the place of an image. A transport wins over a repository of that
 * name: `oci:latest` is the directory `latest`.
 *
 * @throws {UsageError}
 */
export function parsePlace(word: string): Place {
  if (word.startsWith(REGISTRY)) {
    return {
      transport: "docker",
      reference: parseReference(word.slice(REGISTRY.length)),
    };
  }
  if (word.startsWith(PODMAN)) {
    throw new UsageError(
      `Cannot use ${word}: the store of podman is not supported`,
      "Copy the image with podman save, and container load.",
    );
  }
  const colon = word.indexOf(":");
  const transport = LOCAL.find((name) => name === word.slice(0, colon));
  if (colon < 0 || transport === undefined) {
    return { transport: "docker", reference: parseReference(word) };
  }
  const rest = word.slice(colon + 1);
  if (rest === "") {
    throw new UsageError(
      `${word} names no place`,
      `Write ${transport}:${transport === "docker-daemon" ? "NAME" : "PATH"}.`,
    );
  }
  if (WHOLE.has(transport)) return { transport, path: rest };
  const next = rest.indexOf(":");
  return next < 0 ? { transport, path: rest } : {
    transport,
    path: rest.slice(0, next),
    image: rest.slice(next + 1),
  };
}
