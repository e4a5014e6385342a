/**
 * `--status-fd`: what happens to a container, for whoever started us: a line of
 * JSON each, on a descriptor of theirs. Runs on the host, in the parent.
 */

import { Descriptor, duplicateUp, writeAll } from "../../ffi/fcntl.ts";
import { requireInherited } from "./caller_descriptors.ts";

/** What happens to a container. */
export type StatusEvent =
  /** Its first process is there, under this number on the host. */
  | { event: "started"; pid: number }
  /** It has ended, and this is the status that `run` ends with. */
  | { event: "exited"; status: number };

/**
 * Takes the descriptor that the events go to: a copy is kept, close-on-exec,
 * and the one that was given is closed, so that the container gets neither.
 */
export function openStatusLines(number: number): (event: StatusEvent) => void {
  const file = takeDescriptor(number);
  const encoder = new TextEncoder();
  return (event) => {
    try {
      writeAll(file.fd, encoder.encode(`${JSON.stringify(event)}\n`));
    } catch {
      // Whoever asked for it does not read it any more.
    }
  };
}

function takeDescriptor(number: number): Descriptor {
  requireInherited(`--status-fd ${number}`, number);
  const copy = duplicateUp(number);
  // The standard streams are the command's as well.
  if (number > 2) new Descriptor(number).close();
  return copy;
}
