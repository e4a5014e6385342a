/**
 * Makes a user namespace without processes, from which MOUNT_ATTR_IDMAP takes
 * an id mapping. Runs on the host, in the parent.
 */

import { type Descriptor, moveUp, O, open, pipe } from "../../ffi/fcntl.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { wait } from "../../ffi/wait.ts";
import type { Step } from "../../plan/step.ts";
import type { IdMapping } from "../../spec/types.ts";
import { DESCRIPTOR } from "../lower/descriptors.ts";
import { mapIds } from "./id_maps.ts";
import { compileSteps } from "../program.ts";
import { clonedPid, walk } from "../walker.ts";

const why = "an ID mapping can only be given as a user namespace";

/** The steps of the process that creates the namespace. */
export const HOLD_STEPS: readonly Step[] = [
  { step: "clone", namespaces: ["user"], why, man: "user_namespaces(7)" },
  { step: "setParentDeathSignal", signal: "SIGKILL", why, man: "prctl(2)" },
  { step: "waitForParent", why, man: "read(2)" },
];

/**
 * Makes a user namespace with these mappings. A process has to be in it only
 * while it is made; afterwards the descriptor keeps it.
 *
 * @throws ContainerError if it cannot be made or the ids cannot be mapped
 */
export function makeUserNamespace(
  uids: readonly IdMapping[],
  gids: readonly IdMapping[],
): Descriptor {
  const lifeline = pipe();
  // Closing our end ends the process, whatever happens to us.
  using _ours = lifeline.write;
  using theirs = moveUp(lifeline.read);
  using walking = walk(compileSteps(HOLD_STEPS), () => HOLD_STEPS, {
    fds: { [DESCRIPTOR.lifeline]: theirs },
  });
  const pid = clonedPid(walking);
  try {
    mapIds(pid, { uids, gids, helper: false, denySetgroups: false });
    return moveUp(open(`/proc/${pid}/ns/user`, O.O_RDONLY));
  } finally {
    kill(pid, SIGNAL.SIGKILL);
    wait(pid);
  }
}
