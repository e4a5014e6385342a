/**
 * Waiting for a container that has a terminal of its own. Runs in the parent,
 * on the host; loaded when it is needed.
 */

import { kill, SIGNAL } from "../../ffi/signal.ts";
import { wait, type WaitStatus } from "../../ffi/wait.ts";
import { FORWARDED } from "../../plan/child.ts";
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
  waitForCommand,
} from "./job.ts";
import { OuterTerminal } from "./outer_terminal.ts";
import type { Attending } from "./hooks.ts";
import { Relay } from "./terminal_relay.ts";

/** How long a command may take to end after its terminal did, in milliseconds. */
const AFTER_HANGUP = 2000;

/**
 * Ties the user's terminal to the container's until the container has ended and
 * all of its output is through. Signals are passed on; a command that stops
 * (Ctrl-Z) stops us, with the user's terminal as it was meanwhile.
 *
 * @param hooks `setUp` is called while the user's terminal still returns
 * the carriage: once everything is mounted, the container's terminal comes
 * @returns how the container's first process ended
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
  // Somebody was told to stop, or sits at a terminal and can continue us.
  let stops = outer.exists;

  const resume = () => {
    if (!attending) return;
    outer.enter();
    relay?.resize();
    relay?.awake();
  };
  // The size of the window goes its own way.
  let ended = false;
  const recipient = new Recipient();
  recipient.pid = pid;
  const passedOn = forwardSignals(
    recipient,
    FORWARDED.filter((name) => name !== "SIGWINCH"),
    (name) => {
      hooks.seen(name);
      if (ended) return;
      stops ||= name === "SIGTSTP";
      if (name === "SIGCONT") resume();
      early.seen(name);
    },
  );
  Deno.addSignalListener("SIGWINCH", () => {
    if (attending) relay?.resize();
  });

  const follow = (news: number) => {
    if (news === NEWS.running || !stops) return;
    if (news === NEWS.wantsTerminal) {
      // The container's own, that is, which nobody else needs.
      kill(pid, SIGNAL_FOREGROUND);
    } else if (!outer.exists || hasJobShell()) {
      relay?.flush();
      const wholeJob = ownForegroundGroup() !== null;
      outer.leave();
      stopHere({ wholeJob });
      resume();
      // What woke us is passed on as every signal is.
      if (passedOn.includes("SIGCONT")) return;
    }
    kill(pid, SIGNAL.SIGCONT);
  };

  // Nobody is left to look at it: it is told, as a shell tells its jobs, and
  // killed where it goes on. As PID 1 it may not even hear SIGHUP.
  const hangUp = () => {
    if (ended) return;
    kill(pid, SIGNAL.SIGHUP);
    setTimeout(() => ended || kill(pid, SIGNAL.SIGKILL), AFTER_HANGUP);
  };

  // Until the command can hear what is typed, Ctrl-C is for us.
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
        "Cannot take over the container's terminal: no descriptor came with it",
        { hint: "Are too many files open? See ulimit -n." },
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
