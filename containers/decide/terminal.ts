/**
 * Whether a container has a terminal of its own. Runs on the host, in the
 * process the user started; reads and changes nothing.
 */

import { windowSize } from "../../ffi/termios.ts";
import { ownForegroundGroup } from "../../launch/attend/job.ts";
import type { Spec } from "../../spec/types.ts";
import type { ContainerOptions } from "./options.ts";

/**
 * The user sits at the other end: input and output are a terminal that is ours
 * to use. At the head of a pipeline it is the pager's; in the background, the
 * shell's.
 */
export const isInteractive = () =>
  ownForegroundGroup() !== null && Deno.stdout.isTerminal();

/** Sets the terminal that was asked for, or that the user expects. */
export function setTerminal(
  { process, mounts = [] }: Spec,
  { tty }: Pick<ContainerOptions, "tty">,
): void {
  // Who mounts something else over the terminals' place has no use for one.
  process.terminal = tty ??
    (isInteractive() && mounts.some(({ type }) => type === "devpts"));
  const size = process.terminal ? userWindowSize() : null;
  if (size) process.consoleSize = size;
}

/** How large the terminal is that one of our streams is; null where none is. */
export function userWindowSize(): ReturnType<typeof windowSize> {
  for (const fd of [0, 1, 2]) {
    const size = windowSize(fd);
    if (size) return size;
  }
  return null;
}

/**
 * The streams that the terminal is: with `--tty` all three, as with docker; by
 * default not a standard error that the caller has led elsewhere. Without a
 * terminal it does not matter.
 */
export function terminalStreams({ tty }: Pick<ContainerOptions, "tty">) {
  return tty !== undefined || Deno.stderr.isTerminal() ? [0, 1, 2] : [0, 1];
}
