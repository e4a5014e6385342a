/**
 * Decides whether a container has a terminal of its own. Only reads and
 * decides; changes nothing. Runs on the host, in the process the user started.
 */

import type { ProcessFacts } from "../../plan/facts.ts";
import type { Mount, Process } from "../../spec/types.ts";
import type { TerminalSize, World } from "../world/world.ts";
import type { ContainerOptions } from "./options.ts";

type Terminals = Pick<
  World,
  "isInForeground" | "isTerminal" | "terminalSettings" | "terminalSize"
>;

const STDOUT = 1;
const STDERR = 2;

/**
 * Whether a user is at the other end: standard input and output are a terminal,
 * and this process is in the foreground. In a pipeline the terminal may belong
 * to a pager; in the background it belongs to the shell.
 */
export const isInteractive = (world: Terminals): boolean =>
  world.isInForeground() && world.isTerminal(STDOUT);

/** The terminal of a container, as the process of a Spec has it. */
export interface OwnTerminal {
  terminal: boolean;
  consoleSize?: TerminalSize;
}

/**
 * The terminal that was requested, or that the user expects.
 *
 * @param size the size if no terminal of the caller has one
 */
export function ownTerminal(
  { tty }: Pick<ContainerOptions, "tty">,
  mounts: readonly Mount[],
  world: Terminals,
  size?: TerminalSize,
): OwnTerminal {
  // If the user mounts something else over /dev/pts there can be no terminal.
  const terminal = tty ??
    (isInteractive(world) && mounts.some(({ type }) => type === "devpts"));
  if (!terminal) return { terminal };
  const consoleSize = world.terminalSize() ?? size;
  return consoleSize ? { terminal, consoleSize } : { terminal };
}

/**
 * The streams that the container's terminal replaces: with `--tty` all three,
 * as with docker; by default not a standard error that the caller has
 * redirected. Without a terminal the result is not used.
 */
export const terminalStreams = (
  { tty }: Pick<ContainerOptions, "tty">,
  world: Terminals,
): number[] =>
  tty !== undefined || world.isTerminal(STDERR) ? [0, 1, 2] : [0, 1];

/**
 * Whether the requester copies the terminal's output to something other than a
 * terminal. Lines then end in LF, as they do for a program without a terminal.
 * On a terminal, output keeps the carriage returns that full-screen programs
 * rely on. The receiver of a socket sets the terminal as it likes.
 */
export const plainLines = (
  { sendsTerminal }: { sendsTerminal: boolean },
  world: Terminals,
): { plainLines?: true } =>
  sendsTerminal || world.isTerminal(STDOUT) ? {} : { plainLines: true };

/**
 * The settings of the requester's terminal for a terminal that this command
 * connects with it: what stty(1) has set holds inside too, as with script(1) and
 * ssh(1). In particular the kernel then erases whole characters of UTF-8
 * (IUTF8). The receiver of a socket sets the terminal as it likes.
 */
export function takenSettings(
  { terminal }: Pick<Process, "terminal">,
  { sendsTerminal }: { sendsTerminal: boolean },
  world: Terminals,
): { terminalSettings?: ProcessFacts["terminalSettings"] } {
  const settings = terminal && !sendsTerminal ? world.terminalSettings() : null;
  return settings ? { terminalSettings: settings } : {};
}
