/** The numbers of a plan's signals: named and real-time ones. */

import { REAL_TIME, SIGNAL, type SignalName } from "../../ffi/signal.ts";
import { REAL_TIME_SIGNALS } from "../../plan/child.ts";

/** Converts names to numbers, in their order. */
export function signalNumbers(names: readonly string[]): number[] {
  return names.flatMap((name) =>
    name === REAL_TIME_SIGNALS ? REAL_TIME : [SIGNAL[name as SignalName]]
  );
}
