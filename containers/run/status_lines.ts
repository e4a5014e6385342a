/**
 * `--status-fd`: reports the events of a container to the caller, as one line
 * of JSON each, on a descriptor that the caller passes. Runs on the host, in
 * the parent.
 */

import { Descriptor, duplicateUp, writeAll } from "../../ffi/fcntl.ts";
import { requireInherited } from "../decide/inherited.ts";
import { THIS_MACHINE } from "../world/real_world.ts";

/** An event of a container. */
export type StatusEvent =
  /** Its first process exists; `pid` is its number on the host. */
  | { event: "started"; pid: number }
  /** The container has ended; `run` ends with this status. */
  | { event: "exited"; status: number };

/**
 * Takes over the descriptor for the events. It keeps a close-on-exec copy and
 * closes the original, so that the container gets neither.
 *
 * @throws {UsageError} if the descriptor is not open, or not inherited
 */
export function openStatusLines(number: number): (event: StatusEvent) => void {
  const file = takeDescriptor(number);
  const encoder = new TextEncoder();
  return (event) => {
    try {
      writeAll(file.fd, encoder.encode(`${JSON.stringify(event)}\n`));
    } catch {
      // The caller no longer reads the events.
    }
  };
}

function takeDescriptor(number: number): Descriptor {
  requireInherited(`--status-fd ${number}`, number, THIS_MACHINE);
  const copy = duplicateUp(number);
  // A standard stream stays open, because the command uses it as well.
  if (number > 2) new Descriptor(number).close();
  return copy;
}
