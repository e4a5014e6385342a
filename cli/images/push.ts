/** `container push`: puts images into registries. */

import { push } from "../../images/push.ts";
import { asReference, fullName } from "../../images/spec/reference.ts";
import { parsePlace } from "../../images/spec/transport.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { findImage, imagesOf, openStore } from "./open_store.ts";
import { PROGRESS } from "./progress.ts";
import { REGISTRY_FLAGS } from "./registry_flags.ts";
import { WatchedSession } from "./watched_session.ts";

const FLAGS: readonly Flag[] = [
  { name: "quiet", short: "q", help: "Print only the name of the image" },
  PROGRESS,
  ...REGISTRY_FLAGS,
];

/** Puts an image into a registry. */
export const pushCommand: Command = {
  name: "push",
  summary: "Put an image into a registry",
  usage: "[flags] IMAGE [DESTINATION]",
  flags: FLAGS,
  examples: [
    ["sudo container push localhost:5000/app:1", "under its own name"],
    ["sudo container push app ghcr.io/x/app:1", "under another name"],
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
    using watched = new WatchedSession({
      moving: "Pushing",
      done: "Pushed",
      here: "Layer already exists",
    }, flags);
    const { session, signal, view } = watched;
    const store = openStore();
    const image = findImage(store, word!);
    const place = destination === undefined
      ? ownPlace(word!, image.name)
      : parsePlace(destination);
    if (place.transport !== "docker") {
      throw new UsageError(
        `Cannot push to ${destination}: ${place.transport} is not a registry`,
        "Copy it from the store with skopeo copy oci:STORE:NAME.",
      );
    }
    const reference = destination === undefined ||
        destination.startsWith("docker://")
      ? place.reference
      : session.conf.resolve(destination);
    try {
      const { digest, size } = await push(image, reference, {
        store,
        session,
        signal,
        onProgress: view.take,
      });
      view.end();
      if (!flags.has("quiet")) {
        print(`${reference.tag ?? "latest"}: digest: ${digest} size: ${size}`);
      } else print(fullName(reference));
      return 0;
    } catch (error) {
      if (watched.status !== null) return watched.status;
      throw error;
    }
  },
};

/** The place that the image's own name says. */
function ownPlace(word: string, name: string | undefined) {
  const reference = asReference(name ?? "");
  if (reference) return { transport: "docker" as const, reference };
  throw new UsageError(
    `Cannot push ${word}: the image has no name`,
    `Give it one with container tag, or name the destination.`,
  );
}
