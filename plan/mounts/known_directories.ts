/** Which directories need not be made, since the plan itself has put them there. Pure. */

import type { Step } from "../step.ts";

const isBelow = (path: string, directory: string) =>
  path.startsWith(`${directory}/`);

/**
 * The steps, with the mount that something is made in where there is one: what
 * is above that is there.
 */
export function withinKnown(steps: readonly Step[]): Step[] {
  let mounts: string[] = [];
  return steps.map((step) => {
    switch (step.step) {
      case "mount":
      case "attach":
        // What was mounted below is hidden.
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
