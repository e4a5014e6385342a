/**
 * Takes back what joins a container to networks. Runs on the host, in the
 * parent or in the command that cleans up.
 */

import { removeRegistration } from "../../network/dns/records.ts";
import { noteOf6, restoreForwarding } from "../../network/kernel/forwarding.ts";
import { lockFile, namesIn } from "../../network/records/files.ts";
import {
  changeHosts,
  directoriesOf,
  removeHosts,
} from "../../network/records/hosts.ts";
import { hasMembers, releaseLease } from "../../network/records/leases.ts";
import type { UndoOperation } from "../../plan/undo.ts";
import { bootId } from "./owner.ts";
import { endWayOut } from "./way_out.ts";
import { isThere } from "./identity.ts";

/** The operations about networks. */
type NetworkUndoName =
  | "leaveNetwork"
  | "restoreForwarding"
  | "removeHosts"
  | "changeHosts"
  | "endWayOut"
  | "leaveResolver";

type NetworkUndo = Extract<
  UndoOperation,
  { undo: NetworkUndoName }
>;

/** Runs one operation. Done twice, it does nothing the second time. */
export function takeBackNetwork(operation: NetworkUndo): void {
  switch (operation.undo) {
    case "leaveNetwork":
      return releaseLease(
        `${operation.records}/${operation.id}`,
        operation.container,
      );
    case "removeHosts":
      return removeHosts(operation.path);
    case "changeHosts":
      return changeHosts(operation.path, directoriesOf(operation));
    case "endWayOut":
      return endWayOut(operation.mark);
    case "leaveResolver":
      return removeRegistration(operation.path);
    case "restoreForwarding": {
      const { records, note } = operation;
      const boot = bootId() ?? "";
      if (!isThere(note) && !isThere(noteOf6(note))) return;
      using _lock = lockFile(`${note}.lock`);
      const inUse = namesIn(records).some((id) =>
        hasMembers(`${records}/${id}`, boot)
      );
      if (!inUse) restoreForwarding(note, boot);
    }
  }
}
