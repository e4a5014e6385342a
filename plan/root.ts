/**
 * The root filesystem: how `/` becomes the container's own.
 *
 * pivot_root(2) swaps the root of the mount namespace, after which the host's
 * tree can be detached: nothing is left to climb back to. chroot(2), the older
 * way, only changes where this process looks up `/`; the host's tree stays
 * mounted, and a process with CAP_SYS_CHROOT gets out of it.
 */

import type { Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import type { Step } from "./step.ts";

/** Private mounts, then the new root. */
export function changeRoot(spec: Spec, facts: Facts): Step[] {
  const root = spec.root.path;
  const steps: Step[] = [{
    step: "mount",
    source: null,
    target: "/",
    type: null,
    flags: ["MS_REC", "MS_PRIVATE"],
    data: null,
    why:
      "a new mount namespace starts as a copy whose mounts still propagate to the host: this cuts the tie, so that none of the mounts below is ever seen there",
    man: "mount(2), mount_namespaces(7)",
  }];
  // The hostname comes here, between the mount tree and the root, as in the
  // program this one grew from.
  if (spec.hostname !== undefined) {
    steps.push({
      step: "setHostname",
      hostname: spec.hostname,
      why: "the name that hostname and the shell's prompt show",
      man: "sethostname(2)",
    });
  }
  if (facts.changeRoot === "chroot") {
    return [...steps, {
      step: "chroot",
      root,
      why:
        "every path now starts in the root filesystem; unlike pivot_root, this leaves the host's mounts in place and only hides them",
      man: "chroot(2)",
    }];
  }
  return [...steps, {
    step: "mount",
    source: root,
    target: root,
    type: null,
    flags: ["MS_BIND", "MS_REC"],
    data: null,
    why: "pivot_root takes a mount point only, and a bind mount makes one",
    man: "mount(2)",
  }, {
    step: "pivotRoot",
    root,
    why:
      "the root filesystem becomes / and the host's tree is detached: no path leads back to it, not even for root",
    man: "pivot_root(2), umount2(2)",
  }];
}
