/**
 * The volumes of a container: directories in the store that are bind mounted.
 * They are made on the host before anything is mounted. Pure.
 */

import type { Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import type { VolumeContent } from "./host_kinds.ts";
import { namespaceOf } from "./mounts/host_mounts.ts";
import type { StepOf } from "./step.ts";

/** The steps that make the volumes, and fill those that are empty. */
export function makeVolumes(spec: Spec, facts: Facts): StepOf<"makeVolume">[] {
  return (facts.volumes ?? []).map(
    ({ place, garbage, ...volume }): StepOf<"makeVolume"> => {
      const content = contentOf(spec, facts, place);
      const { inside, namespace } = namespaceOf(spec, facts);
      const owners = inside && namespace
        ? {
          owners: {
            uids: namespace.uids,
            gids: namespace.gids,
            helper: namespace.helper,
          },
        }
        : {};
      return {
        step: "makeVolume",
        ...volume,
        content,
        why: content
          ? `as with docker, an empty volume starts with what the root filesystem has at ${content.place}`
          : "the volume stays when the container is gone",
        man: content ? "mkdir(2), flock(2), cp(1)" : "mkdir(2), flock(2)",
        undo: garbage === undefined ? "kept" : [{
          undo: "discard",
          path: volume.directory,
          into: garbage,
          ...owners,
        }],
      };
    },
  );
}

function contentOf(
  spec: Spec,
  facts: Facts,
  place: string | null,
): VolumeContent | null {
  const root = rootOf(spec, facts);
  if (place === null || root === null) return null;
  return { place, root, ...namespaceOf(spec, facts) };
}

function rootOf(
  { root: { path } }: Spec,
  { rootKind, layers, image }: Facts,
): VolumeContent["root"] | null {
  if (layers) {
    const { layers: all, empty, oneByOne } = layers;
    return { layers: all, empty, oneByOne };
  }
  if (image) return { image: image.image, type: image.type };
  return rootKind === "empty" ? null : path;
}
