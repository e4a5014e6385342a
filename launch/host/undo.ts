/**
 * Takes back what the steps of a host phase have done: after a failed start, at
 * the end of a container, and for a command that was killed. Every clean-up
 * uses this. Runs on the host, in the command that cleans up, which has the
 * lock of the record.
 */

import { readFile } from "../../cgroup/apply.ts";
import {
  removeCgroup,
  removeDirectory,
  removeUnused,
} from "../../cgroup/remove.ts";
import type {
  HostRecord,
  RecordedUndo,
  UndoOperation,
} from "../../plan/undo.ts";
import { discard } from "./changes.ts";
import { takeBackNetwork } from "./network_undo.ts";
import { releaseReserved, takeBackPublished } from "./ports.ts";
import { isStill } from "./identity.ts";
import { bootId } from "./owner.ts";

/** What only the process that carried out the steps can take back. */
export interface Live {
  /** Moves the network devices back to the host. */
  returnDevices(): void;
}

/** Objects of the kernel: a reboot has removed them. */
const IN_KERNEL: readonly UndoOperation["undo"][] = [
  "removeCgroup",
  "leaveCgroup",
  "removeClass",
  "returnDevice",
];

/**
 * Runs the recorded operations, the newest first. Each does nothing if it was
 * done before, or if its path is now another program's. An operation that fails
 * does not keep the others from running.
 *
 * @throws {ContainerError} the first failure; the record has to stay then
 */
export function takeBack(
  { owner, started, undos }: HostRecord,
  live?: Live,
): void {
  const isOld = owner.boot !== "" && owner.boot !== bootId();
  const errors: unknown[] = [];
  for (const undo of undos.toReversed()) {
    if (undo.ifFailed && started) continue;
    if (isOld && IN_KERNEL.includes(undo.operation.undo)) continue;
    try {
      takeBackOne(undo, { started, live });
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length) throw errors[0];
}

function takeBackOne(
  { operation, made }: RecordedUndo,
  { started, live }: { started?: true; live?: Live },
): void {
  if ("path" in operation && made && !isStill(operation.path, made)) return;
  switch (operation.undo) {
    case "removeCgroup":
      // It existed before, and no container has used it.
      if (operation.found && !started) return;
      if (made || operation.unique) return removeCgroup(operation);
      // Without its identity, another container may have made it. Our own has
      // no process yet, or one that is dying.
      return removeUnused(operation.path);
    case "leaveCgroup":
      removeDirectory(operation.path);
      return;
    case "removeClass":
      // rmdir(2) of a class moves its processes to the default class.
      if (made || !hasTasks(operation.path)) removeDirectory(operation.path);
      return;
    case "removeEmpty":
      for (const name of made ? operation.inside ?? [] : []) {
        removeDirectory(`${operation.path}/${name}`);
      }
      removeDirectory(operation.path);
      return;
    case "discard":
      return discard(operation);
    case "leaveNetwork":
    case "restoreForwarding":
    case "removeHosts":
    case "changeHosts":
    case "endWayOut":
    case "leaveResolver":
      return takeBackNetwork(operation);
    case "withdrawPorts":
      return takeBackPublished(operation.path);
    case "releasePorts":
      return releaseReserved(operation.path);
    case "removeFile":
      if (made) removeFile(operation.path);
      return;
    case "removeUnwritten":
      if (isEmptyFile(operation.path)) removeFile(operation.path);
      return;
    case "returnDevice":
      return live?.returnDevices();
    // The caller removes it when everything else is done.
    case "removeRecord":
      return;
  }
}

const hasTasks = (path: string) => Boolean(readFile(`${path}/tasks`)?.trim());

function isEmptyFile(path: string): boolean {
  try {
    const { isFile, size } = Deno.lstatSync(path);
    return isFile && size === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
