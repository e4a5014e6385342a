/**
 * Finds the directories of `--overlay DIR`. Only reads and decides; changes
 * nothing. Runs on the host, in the parent.
 */

import type { Facts } from "../../plan/facts.ts";
import type { World } from "../world/world.ts";
import { orNull } from "./requester.ts";

/**
 * The layers in a directory, and the directories that are missing.
 *
 * @param directory absolute
 */
export function findLayers(
  directory: string,
  world: World,
): NonNullable<Facts["overlay"]> {
  const base = directory.replace(/\/+$/, "");
  const [upper, work] = [`${base}/upper`, `${base}/work`];
  const missing = [
    ...missingAbove(base, world),
    ...[upper, work].filter((path) => isMissing(path, world)),
  ];
  return { upper, work, ...(missing.length ? { missing } : {}) };
}

/** A directory and those above it that are missing, parents first. */
function missingAbove(directory: string, world: World): string[] {
  if (!directory || !isMissing(directory, world)) return [];
  const above = directory.slice(0, directory.lastIndexOf("/"))
    .replace(/\/+$/, "");
  return [...missingAbove(above, world), directory];
}

/** A file counts as missing too: the step that makes the directory refuses it. */
const isMissing = (path: string, world: World) =>
  orNull(() => world.stat(path))?.type !== "directory";
