/** `container push`: puts images into registries and other places. */

import { placeOf } from "../../images/place_of.ts";
import { push } from "../../images/push.ts";
import type { Session } from "../../images/registry/session.ts";
import {
  MANIFEST_FORMATS,
  type ManifestFormat,
} from "../../images/spec/convert.ts";
import {
  asReference,
  fullName,
  parseReference,
  repositoryOf,
} from "../../images/spec/reference.ts";
import type { Place } from "../../images/spec/transport.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import { ContainerError, systemReason, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { findImage, imagesOf, openStore } from "./open_store.ts";
import { PROGRESS } from "./progress.ts";
import { REGISTRY_FLAGS } from "./registry_flags.ts";
import { WatchedSession } from "./watched_session.ts";

const FLAGS: readonly Flag[] = [
  { name: "all-tags", short: "a", help: "Push all tags of the repository" },
  {
    name: "digestfile",
    value: "FILE",
    help: "Write the digest of the manifest into a file",
  },
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    help: "Manifest as oci or v2s2 (default: as it is)",
  },
  { name: "quiet", short: "q", help: "Print only the name of the image" },
  PROGRESS,
  ...REGISTRY_FLAGS,
];

/** Puts an image into a registry. */
export const pushCommand: Command = {
  name: "push",
  summary: "Put an image into a registry, an archive or a directory",
  usage: "[flags] IMAGE [DESTINATION]",
  flags: FLAGS,
  examples: [
    ["sudo container push localhost:5000/app:1", "under its own name"],
    ["sudo container push app ghcr.io/x/app:1", "under another name"],
    ["sudo container push -a localhost:5000/app", "all tags that are here"],
    ["sudo container push app oci:DIR:TAG", "into a layout, as with skopeo"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container push");
    const [word, destination, ...more] = imagesOf(flags, "push");
    if (more.length) {
      throw new UsageError(
        "container push takes an image and its destination",
        "See container push --help.",
      );
    }
    const format = formatOf(flags.last("format"));
    using watched = new WatchedSession({
      moving: "Pushing",
      done: "Pushed",
      here: "Layer already exists",
    }, flags);
    const { session, signal, view } = watched;
    const store = openStore();
    const pushes = flags.has("all-tags")
      ? allTags(store, word!, destination)
      : [onePush(store, session, word!, destination)];
    const digests: string[] = [];
    const options = {
      store,
      session,
      signal,
      onProgress: view.take,
      ...format ? { format } : {},
    };
    try {
      for (const { image, place } of pushes) {
        if (place.transport !== "docker") {
          const { pushToPlace } = await import("../../images/save.ts");
          const digest = await pushToPlace(image, place, options);
          digests.push(digest);
          print(flags.has("quiet") ? destination! : `digest: ${digest}`);
          continue;
        }
        const { reference } = place;
        const { digest, size } = await push(image, reference, options);
        view.end();
        digests.push(digest);
        print(
          flags.has("quiet")
            ? fullName(reference)
            : `${reference.tag ?? "latest"}: digest: ${digest} size: ${size}`,
        );
      }
      writeDigests(flags.last("digestfile"), digests);
      return 0;
    } catch (error) {
      if (watched.status !== null) return watched.status;
      throw error;
    }
  },
};

function formatOf(text: string | undefined): ManifestFormat | undefined {
  if (text === undefined) return undefined;
  const format = text === "docker"
    ? "v2s2"
    : MANIFEST_FORMATS.find((name) => name === text);
  if (format) return format;
  throw new UsageError(
    `--format ${text}: not one of ${MANIFEST_FORMATS.join(", ")}`,
    "Without --format the manifest stays as it is.",
  );
}

function writeDigests(file: string | undefined, digests: string[]): void {
  if (file === undefined) return;
  try {
    Deno.writeTextFileSync(file, digests.join("\n"));
  } catch (error) {
    throw new ContainerError(
      `Cannot write the digest into ${file}: ${systemReason(error)}`,
      { hint: "The image was pushed. Check the path of --digestfile." },
    );
  }
}

/** An image, and where it goes. */
interface Push {
  image: StoredImage;
  place: Place;
}

function onePush(
  store: ImageStore,
  session: Session,
  word: string,
  destination: string | undefined,
): Push {
  const image = findImage(store, word);
  const place = destination === undefined
    ? ownPlace(word, image.name)
    : placeOf(session.conf, destination);
  return { image, place };
}

/**
 * All tags of a repository that are here.
 *
 * @throws {ContainerError} if there are none
 */
function allTags(
  store: ImageStore,
  word: string,
  destination: string | undefined,
): Push[] {
  const { tag, digest, ...repository } = parseReference(word);
  if ((tag ?? digest ?? destination) !== undefined) {
    throw new UsageError(
      `Cannot push all tags of ${word}${
        destination === undefined ? ": it names one" : ` to ${destination}`
      }`,
      "Give the name of the repository only.",
    );
  }
  const pushes = store.images().flatMap((image): Push[] => {
    const own = asReference(image.name ?? "");
    return own?.tag !== undefined &&
        repositoryOf(own) === repositoryOf(repository)
      ? [{ image, place: { transport: "docker", reference: own } }]
      : [];
  });
  if (pushes.length) return pushes;
  throw new ContainerError(`There is no tag of ${word} here`, {
    hint: "container images lists the images that are here.",
  });
}

/** The place that the image's own name says. */
function ownPlace(word: string, name: string | undefined) {
  const reference = asReference(name ?? "");
  if (reference) return { transport: "docker" as const, reference };
  throw new UsageError(
    `Cannot push ${word}: the image has no name`,
    `Give it one with container tag, or name the destination.`,
  );
}
