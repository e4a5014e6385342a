/**
 * Decides whether a container has a terminal of its own. Only reads and
 * decides; changes nothing. Runs on the host, in the process the user started.
 */

import { windowSize } from "../../ffi/termios.ts";
import { ownForegroundGroup } from "../../launch/attend/job.ts";
import type { Spec } from "../../spec/types.ts";
import type { ContainerOptions } from "./options.ts";

/**
 * Whether a user is at the other end: standard input and output are a terminal,
 * and this process is in the foreground. In a pipeline the terminal may belong
 * to a pager; in the background it belongs to the shell.
 */
export const isInteractive = () =>
  ownForegroundGroup() !== null && Deno.stdout.isTerminal();

/** Sets the terminal that was requested, or that the user expects. */
export function setTerminal(
  { process, mounts = [] }: Spec,
  { tty }: Pick<ContainerOptions, "tty">,
): void {
  // If the user mounts something else over /dev/pts there can be no terminal.
  process.terminal = tty ??
    (isInteractive() && mounts.some(({ type }) => type === "devpts"));
  const size = process.terminal ? userWindowSize() : null;
  if (size) process.consoleSize = size;
}

/**
 * The size of the terminal among this process's streams; null if there is none.
 */
export function userWindowSize(): ReturnType<typeof windowSize> {
  for (const fd of [0, 1, 2]) {
    const size = windowSize(fd);
    if (size) return size;
  }
  return null;
}

/**
 * The streams that the container's terminal replaces: with `--tty` all three,
 * as with docker; by default not a standard error that the caller has
 * redirected. Without a terminal the result is not used.
 */
export function terminalStreams({ tty }: Pick<ContainerOptions, "tty">) {
  return tty !== undefined || Deno.stderr.isTerminal() ? [0, 1, 2] : [0, 1];
}
