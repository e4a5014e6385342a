/** `container rmi`, `container tag` and `container image prune`. */

import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import { collect } from "../../images/store/collect.ts";
import {
  asReference,
  familiarName,
  parseReference,
} from "../../images/spec/reference.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { confirms } from "../confirm.ts";
import { forEachWord } from "../each_word.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { size } from "../daily/table.ts";
import {
  type Flag,
  parseFlags,
  parseFlagsAndNames,
  takeNoWords,
} from "../flags.ts";
import { print } from "../output.ts";
import { type Filter, type FilterKey, parseFilters } from "./filters.ts";
import { clearKilled } from "../volumes/names.ts";
import { InUse, refuseUsed, usersOfImages } from "./conflicts.ts";
import { findImage, imagesOf, openStore } from "./open_store.ts";
import { inUserNamespace } from "./user_namespace.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "force",
    short: "f",
    help: "Remove an image with all its names; a missing one is no error",
  },
  { name: "no-prune", help: "Accepted: layers that others need stay" },
  { name: "quiet", short: "q", help: "Print only errors" },
];

/** Removes images, or names of images. */
export const rmiCommand: Command = {
  name: "rmi",
  summary: "Remove images, or names of images",
  usage: "[flags] IMAGE…",
  flags: FLAGS,
  examples: [
    ["sudo container rmi alpine:3.20", "a name, and the image with its last"],
    ["sudo container rmi -f 0e5574283393", "an image with all its names"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container rmi");
    const words = imagesOf(flags, "rmi");
    await clearKilled();
    const inside = await inUserNamespace(["rmi", ...argv], { removes: true });
    if (inside !== null) return inside;
    const store = openStore();
    const force = flags.has("force");
    return forEachWord(
      words,
      (word) => {
        const lines = remove(store, word, force);
        if (!flags.has("quiet")) lines.forEach(print);
      },
      (error) =>
        !force || error instanceof UsageError || error instanceof InUse,
    );
  },
};

/** Removes what a word names; returns docker's lines about it. */
function remove(store: ImageStore, word: string, force: boolean): string[] {
  const found = findImage(store, word);
  const isId = /^(sha256:)?[0-9a-f]+$/.test(word) &&
    found.id.includes(word.replace(/^sha256:/, ""));
  const same = store.images().filter(({ id }) => id === found.id);
  if (isId && same.length > 1 && !force) {
    throw new ContainerError(
      `Cannot remove the image ${word}: it has ${same.length} names (${
        same.map(nameOf).join(", ")
      })`,
      { hint: "Remove a name, or all of them with --force." },
    );
  }
  const gone = isId
    ? same
    : same.filter(({ entry }) => entry.name === found.entry.name);
  const isWhole = gone.length === same.length;
  const { keep } = isWhole
    ? refuseUsed(store, { word, image: found, isId, force })
    : { keep: false };
  const { blobs } = store.remove(gone, { keep });
  const isDeleted = isWhole && !keep;
  return [
    ...gone.filter(({ name }) => name !== undefined).map((image) =>
      `Untagged: ${nameOf(image)}`
    ),
    ...isDeleted ? [`Deleted: ${found.id}`] : [],
    ...blobs.filter((blob) => found.blobs.includes(blob)).map((blob) =>
      `Deleted: ${blob}`
    ),
  ];
}

/** The name of an image for people, or else its ID. */
function nameOf({ name, id }: StoredImage): string {
  const reference = name === undefined ? null : asReference(name);
  return reference ? familiarName(reference) : id;
}

/** Gives an image a further name. */
export const tagCommand: Command = {
  name: "tag",
  summary: "Give an image a further name",
  usage: "IMAGE NAME[:TAG]…",
  flags: [],
  examples: [
    ["sudo container tag app localhost:5000/app:1", "a name for push"],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container tag");
    const [word, ...names] = imagesOf(flags, "tag");
    if (!names.length) {
      throw new UsageError(
        "container tag takes an image and its new name",
        "See container tag --help.",
      );
    }
    const references = names.map(parseReference);
    const store = openStore();
    const image = findImage(store, word!);
    for (const reference of references) store.tag(image, reference);
    return 0;
  },
};

const KEYS: readonly FilterKey[] = ["dangling", "label", "label!", "until"];

const PRUNE_FLAGS: readonly Flag[] = [
  {
    name: "all",
    short: "a",
    help: "Also remove images with names, if no container uses them",
  },
  { name: "force", short: "f", help: "Do not ask" },
  {
    name: "filter",
    value: "KEY=VALUE",
    help: `${KEYS.map((key) => `${key}=`).join(", ")}; repeatable`,
  },
  FORMAT,
  { name: "quiet", short: "q", help: "Print nothing" },
];

/** Removes images without a name, and everything that no image needs. */
export const imagePruneCommand: Command = {
  name: "image prune",
  summary: "Remove images without a name, and what no image needs",
  usage: "[flags]",
  flags: PRUNE_FLAGS,
  examples: [
    ["sudo container image prune", "images that lost their name to newer ones"],
    ["sudo container image prune -a --filter until=240h", "old images"],
  ],
  async execute(argv) {
    const flags = parseFlags(PRUNE_FLAGS, argv, "container image prune");
    takeNoWords(flags, "image prune");
    const json = asksJson(flags);
    await clearKilled();
    const inside = await inUserNamespace(["image", "prune", ...argv], {
      removes: true,
    });
    if (inside !== null) return inside;
    const store = openStore();
    const given = flags.all("filter");
    const fits = parseFilters(given, KEYS, (word) => findImage(store, word));
    const all = flags.has("all") ||
      given.some((word) => /^dangling=(false|0)$/.test(word));
    const isSure = json || flags.has("force") || confirms(
      all
        ? "WARNING! This will remove all images without at least one container associated to them."
        : "WARNING! This will remove all dangling images.",
    );
    if (!isSure) return 0;
    const { gone, bytes } = pruneImages(store, fits, { all });
    const ids = [...new Set(gone.map(({ id }) => id))];
    if (json) print(JSON.stringify({ deleted: ids, bytes }));
    else if (!flags.has("quiet")) {
      prunedLines({ gone, bytes }).forEach(print);
      print(`Total reclaimed space: ${size(bytes)}`);
    }
    return 0;
  },
};

/** What a prune has removed. */
export interface PrunedImages {
  gone: StoredImage[];
  bytes: number;
}

/**
 * Removes the chosen images that no container uses, and everything that no image
 * needs.
 *
 * @param options.all also those with names
 */
export function pruneImages(
  store: ImageStore,
  fits: Filter,
  { all }: { all: boolean },
): PrunedImages {
  const used = usersOfImages(store);
  const gone = store.images().filter((image) =>
    (all || image.name === undefined) && fits(image) && !used.has(image.id)
  );
  const bytes =
    (gone.length ? store.remove(gone, { measure: true }).bytes : 0) +
    collect(store.path, { measure: true }).bytes;
  return { gone, bytes };
}

/** docker's lines about images that are gone. */
export const prunedLines = ({ gone }: PrunedImages): string[] => [
  ...gone.filter(({ name }) => name !== undefined).map((image) =>
    `Untagged: ${nameOf(image)}`
  ),
  ...[...new Set(gone.map(({ id }) => id))].map((id) => `Deleted: ${id}`),
];
