/**
 * The directories of `--overlay DIR`, which keep the changes to a root
 * filesystem. Pure.
 */

import { hostIdOf } from "../../spec/ids.ts";
import type { Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import type { StepOf } from "../step.ts";

/** What the kernel makes in the work directory of an overlay. */
const KERNEL_MADE = ["work", "index"];

/**
 * Makes the directories that are missing. The upper one determines the owner of
 * `/` inside, so it belongs to the container's root.
 */
export function makeLayers(
  { linux }: Spec,
  { overlay, rootless }: Facts,
): StepOf<"makeDirectory">[] {
  const { uidMappings, gidMappings = [] } = linux;
  const owner = !rootless && uidMappings?.length
    ? {
      owner: {
        uid: hostIdOf(0, uidMappings),
        gid: hostIdOf(0, gidMappings),
      },
    }
    : {};
  return (overlay?.missing ?? []).map((path) => {
    const isWork = path === overlay?.work;
    const isLayer = isWork || path === overlay?.upper;
    return {
      step: "makeDirectory",
      path,
      ...(isLayer ? { mode: 0o755, exact: true, ...owner } : {}),
      why: isWork
        ? "where the kernel prepares a change before it appears in the layer"
        : isLayer
        ? "keeps the changes to the root filesystem for later containers"
        : "the layer of --overlay is in it",
      man: "mkdir(2)",
      undo: "kept",
      ifFailed: [{
        undo: "removeEmpty",
        path,
        ...(isWork ? { inside: KERNEL_MADE } : {}),
      }],
    };
  });
}
