/** `container kill` as docker has it: names, and the signal as a flag. */

import { killContainer } from "../../lifecycle/daily/kill.ts";
import { SIGNAL, type SignalName } from "../../ffi/signal.ts";
import type { Flags } from "../flags.ts";
import { signalNumber } from "../oci/signal.ts";
import { containersOf, forEach } from "./each.ts";

const isSignal = (word: string) =>
  /^\d{1,2}$/.test(word) ||
  SIGNAL[word.toUpperCase().replace(/^(?!SIG)/, "SIG") as SignalName] !==
    undefined;

/** Sends the signal; the last word may be it, as runc has it. */
export async function killDaily(flags: Flags): Promise<number> {
  const words = containersOf(flags, "kill");
  const asked = flags.last("signal");
  const last = words.at(-1)!;
  const behind = asked === undefined && words.length > 1 && isSignal(last);
  const signal = asked ?? (behind ? last : "KILL");
  const number = signalNumber(signal);
  return await forEach(
    behind ? words.slice(0, -1) : words,
    (store, id) => killContainer(store, id, number),
    { quiet: flags.has("quiet") },
  );
}
