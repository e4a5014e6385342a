/** `container pull`: fetches images from registries and other places. */

import { placeOf } from "../../images/place_of.ts";
import { pull } from "../../images/pull.ts";
import { UNPACKER } from "../../images/unpacker.ts";
import type { Session } from "../../images/registry/session.ts";
import { parsePlatform } from "../../images/spec/platform.ts";
import {
  asReference,
  familiarName,
  fullName,
  withDefaultTag,
} from "../../images/spec/reference.ts";
import type { Place, RegistryPlace } from "../../images/spec/transport.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { imagesOf, openStore } from "./open_store.ts";
import { PROGRESS } from "./progress.ts";
import { REGISTRY_FLAGS } from "./registry_flags.ts";
import { MOST_UNPACKED } from "./source.ts";
import { inUserNamespace } from "./user_namespace.ts";
import { PULLING, WatchedSession } from "./watched_session.ts";
import { parseSize } from "../../spec/resource_flags.ts";

const FLAGS: readonly Flag[] = [
  { name: "all-tags", short: "a", help: "Fetch all tags of the repository" },
  {
    name: "platform",
    value: "PLATFORM",
    help: "OS/ARCHITECTURE[/VARIANT] instead of this machine's",
  },
  { name: "quiet", short: "q", help: "Print only the name of the image" },
  PROGRESS,
  {
    name: "max-unpacked",
    value: "SIZE",
    help: `Refuse an image that is larger unpacked (default: ${MOST_UNPACKED})`,
  },
  ...REGISTRY_FLAGS,
];

/** Fetches images. */
export const pullCommand: Command = {
  name: "pull",
  summary: "Fetch an image from a registry, an archive or a directory",
  usage: "[flags] IMAGE…",
  flags: FLAGS,
  examples: [
    ["sudo container pull alpine:3.20", "from docker.io"],
    ["sudo container pull ghcr.io/x/y@sha256:…", "exactly this content"],
    ["sudo container pull --platform linux/arm64 alpine", "for other machines"],
    ["sudo container pull oci:DIR:TAG", "from a layout, as skopeo names it"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container pull");
    const words = imagesOf(flags, "pull");
    const platform = flags.last("platform");
    const maxUnpacked = parseSize(
      "max-unpacked",
      flags.last("max-unpacked") ?? MOST_UNPACKED,
    );
    const status = await inUserNamespace(["pull", ...argv]);
    if (status !== null) return status;
    using watched = new WatchedSession(PULLING, flags);
    const { session, signal, view } = watched;
    const store = openStore();
    const named = words.map((word) => placeOf(session.conf, word));
    const options = {
      store,
      session,
      unpacker: UNPACKER,
      maxUnpacked,
      signal,
      onProgress: view.take,
      ...platform === undefined ? {} : { platform: parsePlatform(platform) },
    };
    try {
      const places = flags.has("all-tags")
        ? await allTags(session, named)
        : named;
      for (const place of places) {
        const { image, digest, isOld } = place.transport === "docker"
          ? await pull(place.reference, options)
          : await (await import("../../images/pull_place.ts"))
            .pullPlace(place, options);
        view.end();
        const wanted = place.transport === "docker"
          ? withDefaultTag(place.reference)
          : asReference(image.name ?? "");
        if (!flags.has("quiet")) {
          print(`Digest: ${digest}`);
          print(
            `Status: ${
              isOld ? "Image is up to date" : "Downloaded newer image"
            } for ${wanted ? familiarName(wanted) : image.id}`,
          );
        }
        print(wanted ? fullName(wanted) : image.id);
      }
      return 0;
    } catch (error) {
      if (watched.status !== null) return watched.status;
      throw error;
    }
  },
};

/**
 * The images of all tags of repositories.
 *
 * @throws {UsageError} for a name with a tag
 */
async function allTags(
  session: Session,
  repositories: readonly Place[],
): Promise<RegistryPlace[]> {
  const all = await Promise.all(repositories.map(async (place) => {
    if (place.transport !== "docker") {
      throw new UsageError(
        `Cannot pull all tags of ${place.transport}:${place.path}: it is not a registry`,
        "container load takes all images of an archive or a directory.",
      );
    }
    const { reference } = place;
    if (reference.tag !== undefined || reference.digest !== undefined) {
      throw new UsageError(
        `Cannot pull all tags of ${familiarName(reference)}: it names one`,
        "Give the name of the repository only.",
      );
    }
    const endpoint = session.conf.endpoints(reference).at(-1)!;
    const tags = await session.repository(endpoint).tags();
    return tags.toSorted().map((tag): RegistryPlace => ({
      transport: "docker",
      reference: { ...reference, tag },
    }));
  }));
  return all.flat();
}
