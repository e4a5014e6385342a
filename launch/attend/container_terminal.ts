/**
 * Waits for a container that has a terminal of its own. Runs in the parent, on
 * the host; loaded on demand.
 */

import { kill, queueSignal, SIGNAL } from "../../ffi/signal.ts";
import { wait, type WaitStatus } from "../../ffi/wait.ts";
import type { Descriptor } from "../../ffi/fcntl.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Container } from "../container.ts";
import { EarlyEnd } from "./early_end.ts";
import { forwardSignals, Recipient } from "./forward_signals.ts";
import { SIGNAL_FOREGROUND } from "../handover.ts";
import { NEWS } from "../lower/news.ts";
import {
  hasJobShell,
  ownForegroundGroup,
  stopHere,
  StopRequest,
  waitForCommand,
} from "./job.ts";
import { OuterTerminal } from "./outer_terminal.ts";
import type { Attending } from "./hooks.ts";
import { Relay } from "./terminal_relay.ts";

/**
 * The time in milliseconds that a command may take to end after its terminal
 * has hung up.
 */
const AFTER_HANGUP = 2000;

/**
 * Connects the user's terminal with the container's until the container has
 * ended and all of its output is copied. Forwards signals. When the command
 * stops (Ctrl-Z), this process stops too, and meanwhile restores the settings
 * of the user's terminal.
 *
 * @param hooks `setUp` is called after everything is mounted and before the
 * relay begins; until then the user's terminal adds carriage returns
 * @returns how PID 1 ended
 */
export async function attendTerminal(
  container: Container,
  hooks: Attending,
): Promise<WaitStatus | null> {
  const { pid, handover: { plan } } = container;
  using held = new DisposableStack();
  const outer = held.use(new OuterTerminal());
  const early = held.use(new EarlyEnd(pid, plan));
  let relay: Relay | undefined;
  let relaying: Promise<void> | undefined;
  let failure: unknown;
  let attending = true;
  held.defer(() => attending = false);
  // Whether we follow the command's stops: only if somebody can continue us, at
  // a terminal or because they sent SIGTSTP.
  let stops = outer.exists;

  const resume = () => {
    if (!attending) return;
    outer.enter();
    relay?.resize();
    relay?.awake();
  };
  const request = new StopRequest();
  let ended = false;
  const recipient = new Recipient();
  recipient.pid = pid;
  const passedOn = forwardSignals(recipient, {
    seen(signal) {
      hooks.seen(signal);
      if (ended) return;
      request.seen(signal);
      stops ||= signal === SIGNAL.SIGTSTP;
      if (signal === SIGNAL.SIGCONT) resume();
      early.seen(signal);
    },
    instead: {
      [SIGNAL.SIGWINCH]: () => {
        if (attending) relay?.resize();
      },
    },
  });

  const follow = (news: number) => {
    if (news === NEWS.running || !stops) return;
    if (news === NEWS.wantsTerminal) {
      // Nobody else needs the container's own terminal.
      queueSignal(pid, SIGNAL_FOREGROUND);
    } else if (!outer.exists || hasJobShell()) {
      if (!request.take()) return;
      relay?.flush();
      const wholeJob = ownForegroundGroup() !== null;
      outer.leave();
      stopHere({ wholeJob });
      resume();
      // The SIGCONT that continued us is forwarded like any other signal.
      if (passedOn.includes(SIGNAL.SIGCONT)) return;
    }
    kill(pid, SIGNAL.SIGCONT);
  };

  // The terminal has gone. Like a shell, send SIGHUP to the command; kill it if
  // it goes on. PID 1 may have no handler, and the kernel then drops SIGHUP.
  const hangUp = () => {
    if (ended) return;
    kill(pid, SIGNAL.SIGHUP);
    setTimeout(() => ended || kill(pid, SIGNAL.SIGKILL), AFTER_HANGUP);
  };

  // The relay begins when the command can read what is typed; until then Ctrl-C
  // goes to us.
  let master: Descriptor | undefined;
  const begin = () => {
    if (!master || early.ended) return;
    hooks.setUp?.();
    relay = held.use(new Relay(master, outer, hangUp));
    master = undefined;
    relaying = relay.run().catch((error) => {
      failure = error;
      kill(pid, SIGNAL.SIGKILL);
    });
  };

  for await (const { byte, descriptor } of early.listen(container.news())) {
    if (byte === NEWS.running) {
      early.running();
      begin();
    }
    if (byte !== NEWS.terminal) {
      follow(byte);
      continue;
    }
    if (!descriptor) {
      kill(pid, SIGNAL.SIGKILL);
      failure = new ContainerError(
        "Cannot take over the container's terminal: no descriptor was received",
        { hint: "Perhaps too many files are open; see ulimit -n." },
      );
      continue;
    }
    master = held.use(descriptor);
  }
  if (!plan.init) await early.untilRunning();
  begin();
  const status = plan.init
    ? wait(pid)
    : await waitForCommand(pid, () => follow(NEWS.stopped));
  ended = true;
  recipient.pid = 0;
  relay?.finish();
  await relaying;
  early.check();
  if (failure) throw failure;
  return status;
}
