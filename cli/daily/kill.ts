/** `container kill` as in docker: names, and the signal as a flag. */

import { killContainer } from "../../containers/daily/kill.ts";
import { idFor, isNamed } from "../../containers/daily/names.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { isSignal, signalNumber } from "../oci/signal.ts";
import { containersOf, forEach } from "./each.ts";

/**
 * Refuses a last word that is neither a signal nor a container. Otherwise a
 * mistyped signal would send SIGKILL to the containers before it.
 */
function requireKnown(last: string): void {
  const { store } = globals();
  if (store.peek(idFor(store, last))) return;
  throw new UsageError(
    `${last} is neither a signal nor a container`,
    "No signal was sent. See signal(7), and `container ps`.",
  );
}

/** Sends the signal. The last word may be the signal, as with runc. */
export async function killDaily(flags: Flags): Promise<number> {
  const words = containersOf(flags, "kill");
  const asked = flags.last("signal");
  const last = words.at(-1)!;
  const behind = asked === undefined && words.length > 1 && isSignal(last);
  if (behind && isNamed(globals().store, last)) {
    throw new UsageError(
      `Cannot tell whether ${last} is a signal or a container`,
      "Give the signal with --signal.",
    );
  }
  if (asked === undefined && words.length > 1 && !behind) {
    requireKnown(last);
  }
  const signal = asked ?? (behind ? last : "KILL");
  const number = signalNumber(signal);
  return await forEach(
    behind ? words.slice(0, -1) : words,
    (store, id) => killContainer(store, id, number),
    { quiet: flags.has("quiet") },
  );
}
