/**
 * What the parent tells the child and the child tells the parent.
 *
 * Down goes one JSON document in a sealed memory file; up come single bytes
 * through a socket, whose end of file is the child's.
 */

import { type Descriptor, memoryFile, O, open } from "../ffi/fcntl.ts";
import { SIGNAL } from "../ffi/signal.ts";
import type { Plan } from "../plan/step.ts";
import { UsageError } from "../spec/errors.ts";
import { HANDED } from "./handed.ts";

/** All that the child knows. */
export interface Handover {
  version: 1;
  plan: Plan;
  /** The command, for the child's messages. */
  args: string[];
  /** Say `running [...] as 1`. */
  announce: boolean;
  /** Show stack traces. */
  debug: boolean;
  /** Descriptors from 3 upwards that the command keeps. */
  preserve: number;
  /** The command is to be the terminal's foreground process group. */
  foreground: boolean;
}

/** Bytes from the child. */
export const NEWS = {
  running: 1,
  stopped: 2,
  /** Stopped, too: it used the terminal from the background. */
  wantsTerminal: 3,
  /** With it comes the container's terminal. */
  terminal: 4,
} as const;

/**
 * From the parent: the command's process group is to have the terminal again.
 * A signal that nothing else uses, and whose number is below SIGCONT's: of two
 * that wait the lower comes first, and continued too early the command would
 * stop again at its next read.
 */
export const SIGNAL_FOREGROUND = SIGNAL.SIGSTKFLT;

/** Packs a handover for the child. */
export function packHandover(handover: Handover): Descriptor {
  const bytes = new TextEncoder().encode(JSON.stringify(handover));
  return memoryFile("handover", bytes, { sealed: true });
}

/** In the child: takes it from the descriptor that the walker handed over. */
export function takeHandover(): Handover {
  const notOurs = () =>
    new UsageError(
      "Cannot be the child: `child` is what `container run` starts by itself",
      "Use `container run COMMAND`.",
    );
  if (Deno.pid !== 1) throw notOurs();
  let text: string;
  try {
    using file = open(`/proc/self/fd/${HANDED.plan}`, O.O_RDONLY);
    text = Deno.readTextFileSync(`/proc/self/fd/${file.fd}`);
  } catch {
    throw notOurs();
  }
  const handover = JSON.parse(text) as Handover;
  if (handover.version !== 1) throw notOurs();
  return handover;
}
