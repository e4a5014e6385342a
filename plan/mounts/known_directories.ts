/**
 * Finds directories that need not be made, because an earlier step has mounted
 * them. Pure.
 */

import type { Step } from "../step.ts";

const isBelow = (path: string, directory: string) =>
  path.startsWith(`${directory}/`);

/**
 * Adds to each step that makes a path the mount that contains it. The mount's
 * own directory exists, so only those below it have to be made.
 */
export function skipKnownDirectories(steps: readonly Step[]): Step[] {
  let mounts: string[] = [];
  return steps.map((step) => {
    switch (step.step) {
      case "mount":
      case "attach":
        // This mount hides those below it.
        mounts = mounts.filter((path) => !isBelow(path, step.target));
        mounts.push(step.target);
        return step;
      case "unmount":
        mounts = mounts.filter((path) => path !== step.target);
        return step;
      case "pivotRoot":
      case "chroot":
        mounts = [];
        return step;
      case "makeMountpoint":
      case "makeDevice": {
        const inside = mounts.filter((path) => isBelow(step.path, path))
          .reduce(
            (longest, path) => path.length > longest.length ? path : longest,
            "",
          );
        return inside ? { ...step, inside } : step;
      }
      default:
        return step;
    }
  });
}
