/** Parses the name of a signal on a command line. Pure. */

import { SIGNAL, type SignalName } from "../../ffi/signal.ts";
import { UsageError } from "../../spec/errors.ts";

const LAST = 64;

/** Alternative names of signals, signal(7). */
const ALIASES: Record<string, SignalName> = {
  SIGCLD: "SIGCHLD",
  SIGIOT: "SIGABRT",
  SIGPOLL: "SIGIO",
};
/** The first and last real-time signals in libc's numbering, signal(7). */
const REAL_TIME = { SIGRTMIN: 34, SIGRTMAX: LAST };

/** The number of a name in capitals with SIG; undefined if unknown. */
function numberOf(name: string): number | undefined {
  const [, edge, offset = "0"] =
    name.match(/^(SIGRTMIN|SIGRTMAX)(?:([+-]\d{1,2}))?$/) ?? [];
  if (edge === undefined) return SIGNAL[ALIASES[name] ?? name as SignalName];
  const number = REAL_TIME[edge as keyof typeof REAL_TIME] + Number(offset);
  const { SIGRTMIN, SIGRTMAX } = REAL_TIME;
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
}

const numberOfName = (text: string) =>
  numberOf(text.toUpperCase().replace(/^(?!SIG)/, "SIG"));

/** Whether a word is a signal, and not the name of a container. */
export const isSignal = (text: string): boolean =>
  /^\d{1,2}$/.test(text) || numberOfName(text) !== undefined;

/**
 * Parses `TERM`, `SIGTERM`, `15` or `RTMIN+1`. The value 0 only checks whether
 * a signal could be sent, kill(2).
 *
 * @throws {UsageError}
 */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= LAST) {
    return Number(text);
  }
  const number = numberOfName(text);
  if (number !== undefined) return number;
  throw new UsageError(`unknown signal "${text}"`, "See signal(7).");
}
