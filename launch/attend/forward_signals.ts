/** Passing on what is sent to the parent. Runs there, on the host. */

import {
  ignoreSignal,
  kill,
  SIGNAL,
  type SignalName,
} from "../../ffi/signal.ts";
import {
  passOnWithoutDebugger,
  readIgnored,
  setRecipient,
} from "./debugger.ts";

/** Whom signals are passed on to. */
export class Recipient {
  #pid = 0;

  /** Its number; 0 while that is not known, and nothing is passed on. */
  get pid(): number {
    return this.#pid;
  }

  set pid(pid: number) {
    this.#pid = pid;
    setRecipient(pid);
  }
}

/**
 * Passes on what is sent to us; what the caller had ignored (nohup) stays so.
 *
 * @returns the signals that are not ignored
 */
export function forwardSignals(
  to: number | Recipient,
  names: readonly SignalName[],
  seen: (name: SignalName) => void,
): SignalName[] {
  const before = readIgnored();
  const ignored = (name: SignalName) => before.has(SIGNAL[name]);
  const heard = names.filter((name) => !ignored(name));
  const pid = () => typeof to === "number" ? to : to.pid;
  setRecipient(pid());
  for (const name of heard) {
    Deno.addSignalListener(name, () => {
      seen(name);
      if (pid()) kill(pid(), SIGNAL[name]);
    });
  }
  if (heard.includes("SIGUSR1")) passOnWithoutDebugger();
  // With its first listener Deno takes over SIGHUP, SIGINT and SIGTERM too.
  for (const name of names) {
    if (ignored(name)) ignoreSignal(SIGNAL[name]);
  }
  return heard;
}
