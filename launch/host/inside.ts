/**
 * Changes files that belong to a user's subordinate IDs: a program of the host
 * runs as root of a user namespace that maps them. Runs on the host, in the
 * parent or in the command that cleans up, which waits for it.
 */

import { variable } from "../../ffi/environment.ts";
import { moveUp, pipe, writeAll } from "../../ffi/fcntl.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { exitCode, wait } from "../../ffi/wait.ts";
import { candidates } from "../../plan/process/candidates.ts";
import type { Step } from "../../plan/step.ts";
import type { OwnerMaps } from "../../plan/undo.ts";
import { DESCRIPTOR } from "../lower/descriptors.ts";
import { compileSteps } from "../program.ts";
import { clonedPid, walk } from "../walker.ts";
import { mapIds } from "./id_maps.ts";

const why = "only root of a user namespace may change files of subordinate IDs";

const stepsOf = (script: string, words: readonly string[]): Step[] => {
  const env = [`PATH=${variable("PATH") ?? "/usr/bin:/bin"}`];
  return [
    { step: "clone", namespaces: ["user"], why, man: "user_namespaces(7)" },
    { step: "setParentDeathSignal", signal: "SIGKILL", why, man: "prctl(2)" },
    { step: "waitForParent", why, man: "read(2)" },
    {
      step: "execute",
      candidates: candidates("sh", env),
      argv: ["sh", "-c", `exec 2>/dev/null; ${script}`, "sh", ...words],
      env,
      why,
      man: "execve(2)",
    },
  ];
};

/**
 * Runs a script of the shell as root of such a namespace.
 *
 * @param words its arguments, from `$1` on
 * @returns whether it succeeded
 * @throws {ContainerError} if the IDs cannot be mapped
 */
export function runInside(
  maps: OwnerMaps,
  script: string,
  words: readonly string[],
): boolean {
  const steps = stepsOf(script, words);
  const lifeline = pipe();
  using ours = lifeline.write;
  using theirs = moveUp(lifeline.read);
  using walking = walk(compileSteps(steps), () => steps, {
    fds: { [DESCRIPTOR.lifeline]: theirs },
  });
  const pid = clonedPid(walking);
  try {
    mapIds(pid, { ...maps, denySetgroups: !maps.helper });
    writeAll(ours.fd, new Uint8Array(1));
  } catch (error) {
    kill(pid, SIGNAL.SIGKILL);
    wait(pid);
    throw error;
  }
  const status = wait(pid);
  return status !== null && exitCode(status) === 0;
}
