/** Passing on what is sent to the parent. Runs there, on the host. */

import { ignoreSignal, kill, SIGNAL, type SignalName } from "../ffi/signal.ts";

/**
 * Passes on what is sent to us; what the caller had ignored (nohup) stays so.
 *
 * @param pid whose number may not be known yet: 0 then, and nothing is passed on
 * @returns the signals that are not ignored
 */
export function forwardSignals(
  pid: number | (() => number),
  names: readonly SignalName[],
  seen: (name: SignalName) => void,
): SignalName[] {
  const before = ignoredSignals();
  const ignored = (name: SignalName) =>
    Boolean(before & (1n << BigInt(SIGNAL[name] - 1)));
  for (const name of names) {
    if (ignored(name)) continue;
    Deno.addSignalListener(name, () => {
      seen(name);
      const to = typeof pid === "number" ? pid : pid();
      if (to) kill(to, SIGNAL[name]);
    });
  }
  // With its first listener Deno takes over SIGHUP, SIGINT and SIGTERM too.
  for (const name of names) {
    if (ignored(name)) ignoreSignal(SIGNAL[name]);
  }
  return names.filter((name) => !ignored(name));
}

function ignoredSignals(): bigint {
  const line = Deno.readTextFileSync("/proc/self/status").match(
    /^SigIgn:\s*([0-9a-f]+)/m,
  );
  return line ? BigInt(`0x${line[1]}`) : 0n;
}
