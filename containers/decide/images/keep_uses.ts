/**
 * What a container without changes in the store uses there: volumes, and the
 * layers of images that it mounts. Only decides. Runs on the host, in the parent.
 */

import type { StepOf } from "../../../plan/step.ts";
import type { Facts } from "../../../plan/facts.ts";
import type { UsedImages } from "./image_root.ts";

/** The step that records it. */
export function keepUses(
  store: string,
  { names, images }: { names: readonly string[]; images?: UsedImages },
  { id, record }: { id: string; record?: Facts["record"] },
): StepOf<"keepUses"> {
  const path = `${store}/containers/${id}`;
  const what = names.length
    ? images ? "a volume or an image" : "a volume"
    : "an image";
  return {
    step: "keepUses",
    directory: path,
    lock: `${store}/lock`,
    blobs: images?.blobs ?? [],
    chains: images?.chains ?? [],
    volumes: names,
    ...(images ? { mounted: images.tops, empty: images.empty } : {}),
    ...(images?.missing ? { missing: images.missing } : {}),
    ...(record ? { record: record.directory } : {}),
    why: record
      ? `no command removes ${what} before \`container rm\` has removed the container`
      : `no command removes ${what} while the container runs`,
    man: "mkdir(2), flock(2)",
    undo: record
      ? "kept"
      : [{ undo: "discard", path, into: `${store}/work/container-${id}` }],
  };
}
