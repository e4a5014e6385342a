/** `container images`: lists the images of this machine. */

import type { StoredImage } from "../../images/store/store.ts";
import { shortDigest } from "../../images/spec/digest.ts";
import { platformText } from "../../images/spec/platform.ts";
import {
  asReference,
  familiarRepository,
} from "../../images/spec/reference.ts";
import { withoutControls } from "../../spec/controls.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { duration, size, table } from "../daily/table.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { type FilterKey, matching, parseFilters } from "./filters.ts";
import { findImage, openStore } from "./open_store.ts";

const KEYS: readonly FilterKey[] = [
  ...["dangling", "label", "before", "since", "until", "reference"] as const,
];

const FLAGS: readonly Flag[] = [
  { name: "all", short: "a", help: "Accepted: no image is hidden" },
  { name: "digests", help: "Show the digests of the registry" },
  {
    name: "filter",
    short: "f",
    value: "KEY=VALUE",
    help: `${KEYS.map((key) => `${key}=`).join(", ")}; repeatable`,
  },
  FORMAT,
  { name: "no-trunc", help: "Do not shorten IDs" },
  { name: "quiet", short: "q", help: "Print only IDs" },
];

const NONE = "<none>";

/** The repository and the tag of an image, for people. */
export function namesOf({ name, repository }: StoredImage): {
  repository: string;
  tag: string;
} {
  const reference = asReference(name ?? repository ?? "");
  return {
    repository: reference ? familiarRepository(reference) : NONE,
    tag: name === undefined ? NONE : reference?.tag ?? NONE,
  };
}

/** The time since an image was made, for people. */
export function ageOf(created: string | undefined): string {
  const time = Date.parse(created ?? "");
  return Number.isNaN(time) ? "N/A" : `${duration(Date.now() - time)} ago`;
}

function asObject(image: StoredImage) {
  const { repository, tag } = namesOf(image);
  return {
    id: image.id,
    name: image.name ?? null,
    repository: repository === NONE ? null : repository,
    tag: tag === NONE ? null : tag,
    digest: image.source ?? image.digest,
    platform: platformText(image.platform),
    created: image.created ?? null,
    size: image.size,
    labels: image.labels,
  };
}

/** Newest first, as with docker. */
const byAge = (one: StoredImage, other: StoredImage) =>
  (Date.parse(other.created ?? "") || 0) - (Date.parse(one.created ?? "") || 0);

/** Lists images. */
export const imagesCommand: Command = {
  name: "images",
  summary: "List the images of this machine",
  usage: "[flags] [REPOSITORY[:TAG]]",
  flags: FLAGS,
  examples: [
    ["sudo container images", "all images"],
    [
      "sudo container images -q -f dangling=true",
      "IDs of images without a name",
    ],
    ["sudo container images --format json", "for programs"],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container images");
    const json = asksJson(flags);
    const [pattern, ...more] = flags.rest;
    if (more.length) {
      throw new UsageError(
        "container images takes one name",
        "Use --filter reference=PATTERN for several.",
      );
    }
    const store = openStore();
    const fits = parseFilters(
      flags.all("filter"),
      KEYS,
      (word) => findImage(store, word),
    );
    const named = pattern === undefined ? () => true : matching(pattern);
    const images = store.images().filter((image) => fits(image) && named(image))
      .toSorted(byAge);
    const idOf = ({ id }: StoredImage) =>
      flags.has("no-trunc") ? id : shortDigest(id);
    if (json) print(JSON.stringify(images.map(asObject)));
    else if (flags.has("quiet")) {
      for (const id of new Set(images.map(idOf))) print(id);
    } else {
      const digests = flags.has("digests");
      print(table([
        [
          "REPOSITORY",
          "TAG",
          ...digests ? ["DIGEST"] : [],
          "IMAGE ID",
          "CREATED",
          "SIZE",
        ],
        ...images.map((image) => {
          const { repository, tag } = namesOf(image);
          return [
            withoutControls(repository),
            tag,
            ...digests ? [image.source ?? NONE] : [],
            idOf(image),
            ageOf(image.created),
            size(image.size),
          ];
        }),
      ]));
    }
    return 0;
  },
};
