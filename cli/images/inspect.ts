/** `container image inspect` and `container history`. */

import { readBlob } from "../../images/store/blobs.ts";
import { layerFiles } from "../../images/store/places.ts";
import { layerRecord } from "../../images/store/summaries.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import { shortDigest } from "../../images/spec/digest.ts";
import {
  type ImageConfig,
  parseImageConfig,
} from "../../images/spec/image_config.ts";
import {
  asReference,
  familiarName,
  familiarRepository,
} from "../../images/spec/reference.ts";
import { withoutControls } from "../../spec/controls.ts";
import type { Command } from "../command.ts";
import { INSPECT_FORMAT, printInspected, requireJson } from "../each_word.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { size, table } from "../daily/table.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { ageOf } from "./images.ts";
import { findImage, imagesOf, oneImage, openStore } from "./open_store.ts";

/** An image in docker's structure. */
function asInspected(store: ImageStore, image: StoredImage) {
  const bytes = readBlob(store.path, image.id);
  const { platform, history, diffIds, author } = parseImageConfig(
    image.id,
    bytes,
  );
  // As it is: docker shows what the author has written.
  const raw: { config?: unknown } = JSON.parse(new TextDecoder().decode(bytes));
  const same = store.images().filter(({ id }) => id === image.id);
  const references = same.flatMap(({ name }) => asReference(name ?? "") ?? []);
  return {
    Id: image.id,
    RepoTags: references.filter(({ tag }) => tag !== undefined)
      .map(({ digest: _, ...named }) => familiarName(named)),
    RepoDigests: [
      ...new Set(same.flatMap(({ source, repository }) => {
        const reference = asReference(repository ?? "");
        return reference && source
          ? [`${familiarRepository(reference)}@${source}`]
          : [];
      })),
    ],
    Parent: "",
    Comment: history.at(-1)?.comment ?? "",
    Created: image.created ?? null,
    Author: author ?? "",
    Config: raw.config ?? {},
    Architecture: platform.architecture,
    Variant: platform.variant ?? "",
    Os: platform.os,
    Size: image.size,
    GraphDriver: {
      Name: "overlay",
      Data: {
        LowerDirs: image.chains.map((chain) => layerFiles(store.path, chain)),
      },
    },
    RootFS: { Type: "layers", Layers: diffIds },
    Manifest: image.digest,
  };
}

/** Prints everything that is known of images. */
export const imageInspectCommand: Command = {
  name: "image inspect",
  summary: "Print details of images, as JSON",
  usage: "IMAGE…",
  flags: [INSPECT_FORMAT],
  examples: [[
    "sudo container image inspect alpine",
    "an array, in docker's format",
  ]],
  execute(argv) {
    const flags = parseFlagsAndNames(
      this.flags,
      argv,
      "container image inspect",
    );
    requireJson(flags);
    const words = imagesOf(flags, "image inspect");
    const store = openStore();
    return printInspected(
      words,
      (word) => asInspected(store, findImage(store, word)),
    );
  },
};

const HISTORY_FLAGS: readonly Flag[] = [
  FORMAT,
  {
    name: "human",
    short: "H",
    help: "Sizes and times for people; --human=false for exact ones",
  },
  { name: "no-trunc", help: "Do not shorten IDs and commands" },
  { name: "quiet", short: "q", help: "Print only IDs" },
];

/** The widest column of commands. */
const WIDEST = 45;

/** One row of a history. */
interface Step {
  id: string;
  created: string | null;
  createdBy: string;
  size: number;
  comment: string;
}

/** The steps that made an image, the newest first. */
function stepsOf(
  store: ImageStore,
  { id, chains }: StoredImage,
  { history }: ImageConfig,
): Step[] {
  let layer = 0;
  const sizeOf = (chain: string | undefined) =>
    chain === undefined ? 0 : layerRecord(store.path, chain)?.size ?? 0;
  const steps = history.map((entry): Step => ({
    id: "<missing>",
    created: entry.created ?? null,
    createdBy: entry.createdBy ?? "",
    size: entry.isEmpty ? 0 : sizeOf(chains[layer++]),
    comment: entry.comment ?? "",
  }));
  // A layer that no step names is shown as well.
  for (const chain of chains.slice(layer)) {
    steps.push({
      id: "<missing>",
      created: null,
      createdBy: "",
      size: sizeOf(chain),
      comment: "",
    });
  }
  const newest = steps.at(-1);
  if (newest) newest.id = id;
  return steps.reverse();
}

/** Lists the steps that made an image. */
export const historyCommand: Command = {
  name: "history",
  summary: "List the steps that made an image",
  usage: "[flags] IMAGE",
  flags: HISTORY_FLAGS,
  examples: [["sudo container history --no-trunc alpine", "whole commands"]],
  execute(argv) {
    const flags = parseFlagsAndNames(HISTORY_FLAGS, argv, "container history");
    const json = asksJson(flags);
    const word = oneImage(flags, "history");
    const store = openStore();
    const image = findImage(store, word);
    const config = parseImageConfig(word, readBlob(store.path, image.id));
    const steps = stepsOf(store, image, config);
    const whole = flags.has("no-trunc");
    const isHuman = flags.last("human") !== "false";
    const idOf = ({ id }: Step) =>
      whole || !id.startsWith("sha256:") ? id : shortDigest(id);
    if (json) print(JSON.stringify(steps));
    else if (flags.has("quiet")) steps.forEach((step) => print(idOf(step)));
    else {
      print(table([
        ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"],
        ...steps.map((step) => [
          idOf(step),
          isHuman ? ageOf(step.created ?? undefined) : step.created ?? "N/A",
          shortened(withoutControls(step.createdBy), whole),
          isHuman ? size(step.size) : String(step.size),
          withoutControls(step.comment),
        ]),
      ]));
    }
    return 0;
  },
};

const shortened = (text: string, whole: boolean) =>
  whole || text.length <= WIDEST ? text : `${text.slice(0, WIDEST - 1)}…`;
