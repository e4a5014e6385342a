/**
 * Forwards signals from the parent to the container. Runs in the parent, on the
 * host.
 */

import { kill } from "../../ffi/signal.ts";
import { FORWARDED } from "../../plan/child.ts";
import { signalNumbers } from "../lower/signal_numbers.ts";
import { readIgnored } from "./debugger.ts";
import { receiveSignals } from "./signal_queue.ts";

/** The process that receives forwarded signals. */
export class Recipient {
  /** Its pid; while it is 0, nothing is forwarded. */
  pid = 0;
}

/** glibc uses them itself, nptl(7). */
const GLIBC = [32, 33];

/** How signals are forwarded. */
export interface Forwarding {
  /** Is told of every signal, before it is forwarded. */
  seen?: (signal: number) => void;
  /** Signals that are not forwarded, and what is done instead. */
  instead?: { readonly [signal: number]: (() => void) | undefined };
  /** Signals that this process leaves alone. */
  without?: readonly number[];
}

/**
 * Forwards the signals that this process receives, all of
 * {@linkcode FORWARDED}. Signals that the caller ignores (nohup) stay ignored.
 *
 * @returns the signals that are received
 */
export function forwardSignals(
  to: Recipient,
  { seen, instead = {}, without = [] }: Forwarding,
): number[] {
  const ignored = readIgnored();
  const heard = signalNumbers(FORWARDED).filter((signal) =>
    !ignored.has(signal) && !GLIBC.includes(signal) && !without.includes(signal)
  );
  receiveSignals(heard, (signal) => {
    seen?.(signal);
    const other = instead[signal];
    if (other) other();
    else if (to.pid) kill(to.pid, signal);
  });
  return heard;
}
