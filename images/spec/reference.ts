/**
 * The names of images, in the grammar of the distribution specification and of
 * docker: `registry:port/path/name:tag@digest`. Pure.
 */

import { UsageError } from "../../spec/errors.ts";
import { withoutControls } from "../../spec/controls.ts";
import { DIGEST, isDigest } from "./digest.ts";

/** The registry of a name that has none. */
export const DEFAULT_REGISTRY = "docker.io";
/** The tag of a name that has none. */
export const DEFAULT_TAG = "latest";

const OFFICIAL = "library/";
/** Other names of the default registry. */
const OLD_REGISTRY = "index.docker.io";
/** The longest path of a repository, as registries have it. */
const LONGEST = 255;

const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const HOST = `(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])`;
const PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";

const REGISTRY = new RegExp(`^${HOST}(?::[0-9]{1,5})?$`);
const PATH = new RegExp(`^${PART}(?:/${PART})*$`);
const TAG = /^\w[\w.-]{0,127}$/;

/** Whether a value is a tag. */
export const isTag = (value: unknown): value is string =>
  typeof value === "string" && TAG.test(value);

/** The name of an image. */
export interface Reference {
  /** The registry, `docker.io` if the name has none. */
  registry: string;
  /** The repository in the registry: `library/alpine`. */
  path: string;
  tag?: string;
  /** `sha256:…`. */
  digest?: string;
}

/** The parts of a word, before they are checked. */
interface Parts {
  registry?: string;
  path: string;
  tag?: string;
  digest?: string;
}

/** Splits a word as docker does: where a part ends depends on the letters. */
function split(word: string): Parts {
  const at = word.indexOf("@");
  const digest = at < 0 ? undefined : word.slice(at + 1);
  const named = at < 0 ? word : word.slice(0, at);
  const colon = named.lastIndexOf(":");
  const isTagged = colon > named.lastIndexOf("/") && colon >= 0;
  const tag = isTagged ? named.slice(colon + 1) : undefined;
  const name = isTagged ? named.slice(0, colon) : named;
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isRegistry = slash > 0 &&
    (/[.:]/.test(first) || first === "localhost" ||
      first !== first.toLowerCase());
  return isRegistry
    ? { registry: first, path: name.slice(slash + 1), tag, digest }
    : { path: name, tag, digest };
}

/** What is wrong with the parts of a name, or null. */
function faultIn({ registry, path, tag, digest }: Parts): string | null {
  if (registry !== undefined && !REGISTRY.test(registry)) {
    return `${shown(registry)} is not the name of a registry`;
  }
  if (path === "") return "the name of the image is missing";
  if (path !== path.toLowerCase() && PATH.test(path.toLowerCase())) {
    return "the name of a repository is in lower case";
  }
  if (!PATH.test(path)) {
    return `${shown(path)} is not the name of a repository`;
  }
  if (path.length > LONGEST) {
    return `the name of the repository is longer than ${LONGEST} characters`;
  }
  if (registry === undefined && /^[0-9a-f]{64}$/.test(path)) {
    return "64 hexadecimal digits are the ID of an image, not its name";
  }
  if (tag !== undefined && !TAG.test(tag)) {
    return `${shown(tag)} is not a tag`;
  }
  if (digest !== undefined && !isDigest(digest)) {
    return `${shown(digest)} is not a digest`;
  }
  return null;
}

const shown = (text: string) => withoutControls(text) || '""';

function complete({ registry, path, tag, digest }: Parts): Reference {
  const host = registry === undefined || registry === OLD_REGISTRY
    ? DEFAULT_REGISTRY
    : registry;
  const isOfficial = host === DEFAULT_REGISTRY && !path.includes("/");
  return {
    registry: host,
    path: isOfficial ? `${OFFICIAL}${path}` : path,
    ...tag === undefined ? {} : { tag },
    ...digest === undefined ? {} : { digest },
  };
}

/**
 * Parses the name of an image as docker does: a name without a registry is one
 * of docker.io.
 *
 * @throws {UsageError} if the word is no name, with what is wrong
 */
export function parseReference(word: string): Reference {
  const parts = split(word);
  const fault = faultIn(parts);
  if (fault === null) return complete(parts);
  throw new UsageError(
    `${shown(word)} is not the name of an image: ${fault}`,
    `An image is named REGISTRY/NAME:TAG or NAME@${DIGEST}, for example alpine:3.20.`,
  );
}

/** The name of an image, or null for another word. */
export function asReference(word: string): Reference | null {
  const parts = split(word);
  return faultIn(parts) === null ? complete(parts) : null;
}

/** Whether a name says its registry, such as `localhost:5000/app`. */
export const namesRegistry = (word: string): boolean =>
  split(word).registry !== undefined;

/**
 * Whether a word can only mean an image that may be fetched: it names a
 * registry, a tag or a digest. Every other word may be a command, and a typing
 * error must not run code from the network.
 */
export function meansImage(word: string): boolean {
  const { registry, tag, digest } = split(word);
  return (registry ?? tag ?? digest) !== undefined &&
    asReference(word) !== null;
}

const suffix = ({ tag, digest }: Reference) =>
  `${tag === undefined ? "" : `:${tag}`}${
    digest === undefined ? "" : `@${digest}`
  }`;

/** The repository with its registry: `docker.io/library/alpine`. */
export const repositoryOf = ({ registry, path }: Reference): string =>
  `${registry}/${path}`;

/** The whole name: `docker.io/library/alpine:3.20`. */
export const fullName = (reference: Reference): string =>
  repositoryOf(reference) + suffix(reference);

/** The repository as people write it: `alpine`. */
export function familiarRepository({ registry, path }: Reference): string {
  if (registry !== DEFAULT_REGISTRY) return `${registry}/${path}`;
  const [first, name, ...more] = path.split("/");
  const isOfficial = `${first}/` === OFFICIAL && !more.length;
  return isOfficial && name !== undefined ? name : path;
}

/** The name as people write it: `alpine:3.20`. */
export const familiarName = (reference: Reference): string =>
  familiarRepository(reference) + suffix(reference);

/** The name with the default tag, if it has neither a tag nor a digest. */
export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: DEFAULT_TAG }
    : reference;

/** What a registry calls the image: its digest, or else its tag. */
export const targetOf = ({ tag, digest }: Reference): string =>
  digest ?? tag ?? DEFAULT_TAG;
