/**
 * Finds directories that need not be made, because an earlier step has mounted
 * them. Pure.
 */

import type { Step } from "../step.ts";
import { PathMap } from "./paths.ts";

/**
 * Adds to each step that makes a path the mount that contains it. The mount's
 * own directory exists, so only those below it have to be made.
 */
export function skipKnownDirectories(steps: readonly Step[]): Step[] {
  const mounts = new PathMap<true>();
  return steps.map((step) => {
    switch (step.step) {
      case "mount":
      case "attach":
        // This mount hides those below it.
        mounts.deleteBelow(step.target);
        mounts.set(step.target, true);
        return step;
      case "unmount":
        mounts.delete(step.target);
        return step;
      case "pivotRoot":
      case "chroot":
        mounts.clear();
        return step;
      case "makeMountpoint":
      case "makeDevice": {
        const [inside] = mounts.above(step.path);
        return inside ? { ...step, inside } : step;
      }
      default:
        return step;
    }
  });
}
