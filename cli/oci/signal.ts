/** A signal as a command line names it. */

import { SIGNAL, type SignalName } from "../../ffi/signal.ts";
import { UsageError } from "../../spec/errors.ts";

const LAST = 64;

/** `TERM`, `SIGTERM`, `15`; 0 sends nothing, and asks whether it could be sent, kill(2). */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= LAST) {
    return Number(text);
  }
  const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
  const number = SIGNAL[name as SignalName];
  if (number !== undefined) return number;
  throw new UsageError(`unknown signal "${text}"`, "See signal(7).");
}
