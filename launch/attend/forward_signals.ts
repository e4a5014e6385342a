/**
 * Forwards signals from the parent to the container. Runs in the parent, on the
 * host.
 */

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

/** The process that receives forwarded signals. */
export class Recipient {
  #pid = 0;

  /** Its pid; while it is 0, nothing is forwarded. */
  get pid(): number {
    return this.#pid;
  }

  set pid(pid: number) {
    this.#pid = pid;
    setRecipient(pid);
  }
}

/**
 * Forwards the signals that this process receives. Signals that the caller
 * ignores (nohup) stay ignored.
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
  // With its first listener Deno also takes over SIGHUP, SIGINT and SIGTERM.
  for (const name of names) {
    if (ignored(name)) ignoreSignal(SIGNAL[name]);
  }
  return heard;
}
