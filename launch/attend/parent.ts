/**
 * The parent of a container: starts PID 1, forwards signals, shares the
 * terminal, waits. Runs on the host, in the process that the user started.
 */

import type { Attending, ParentHooks } from "./hooks.ts";
import { kill, queueSignal, SIGNAL } from "../../ffi/signal.ts";
import { foregroundGroup } from "../../ffi/termios.ts";
import { exitCode, wait, type WaitStatus } from "../../ffi/wait.ts";
import {
  type Container,
  startContainer,
  type StartOptions,
} from "../container.ts";
import { below, checkStarted } from "../diagnose.ts";
import type { HostPhase } from "../host/host_phase.ts";
import { EarlyEnd } from "./early_end.ts";
import { forwardSignals, Recipient } from "./forward_signals.ts";
import { type Handover, SIGNAL_FOREGROUND } from "../handover.ts";
import { NEWS } from "../lower/news.ts";
import { StreamRelay } from "./stream_relay.ts";
import {
  ownForegroundGroup,
  stopHere,
  StopRequest,
  takeTerminal,
  waitForCommand,
} from "./job.ts";

const STDIN = 0;

/**
 * Starts the container and waits until it ends; returns the exit status.
 *
 * @param host the host phase, carried out up to the first process
 */
export async function runParent(
  handover: Handover,
  host: HostPhase,
  hooks: ParentHooks,
  start: StartOptions = {},
): Promise<number> {
  using relay = StreamRelay.of(host.takePipes());
  using container = startContainer(
    handover,
    relay
      ? { ...start, streams: { ...start.streams, ...relay.theirs } }
      : start,
  );
  relay?.begin();
  const told = { ...hooks, seen: (signal: number) => relay?.seen(signal) };
  container.listened = hooks.listened;
  try {
    hooks.created?.(container.pid);
    await host.attach(container.pid);
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    wait(container.pid);
    throw error;
  }
  container.begin();
  // Attend before the release. Then signals that arrive at once are forwarded,
  // and we know that the terminal was ours before the command took it.
  const ended = handover.terminal
    ? (await import("./container_terminal.ts")).attendTerminal(container, told)
    : attend(container, handover, told);
  try {
    container.release();
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    await ended;
    throw error;
  }
  hooks.started(container.pid);
  const status = await ended;
  const code = status ? exitCode(status) : 0;
  const lost = await relay?.finish(code);
  using held = new DisposableStack();
  const { root } = hooks;
  // Only a failure needs the view.
  if (container.walk.outcome().failure && typeof root !== "string") {
    checkStarted(container.walk, await root());
  } else checkStarted(container.walk, below(String(root), held));
  container.check();
  if (lost) throw lost;
  return code;
}

/** Waits for a container that shares our terminal, if we have one. */
async function attend(
  container: Container,
  { plan, foreground }: Handover,
  hooks: Attending,
): Promise<WaitStatus | null> {
  const { pid } = container;
  using early = new EarlyEnd(pid, plan);
  let group = foreground ? ownForegroundGroup() : null;
  // fg makes our group the foreground group, but the command's group needs the
  // terminal.
  const passTerminal = () => {
    const own = ownForegroundGroup();
    if (own === null || !plan.init) return;
    group = own;
    queueSignal(pid, SIGNAL_FOREGROUND);
  };
  // Without a terminal we stop only after somebody sent SIGTSTP. A command that
  // stops itself may continue itself, and then nobody would continue us.
  let stops = foregroundGroup(STDIN) !== null;
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
      if (signal === SIGNAL.SIGCONT) passTerminal();
      early.seen(signal);
    },
  });
  const follow = (news: number) => {
    if (news === NEWS.running || !stops) return;
    // fg of a running job sends no signal. If the terminal is ours, we can pass
    // it on.
    if (news === NEWS.stopped || ownForegroundGroup() === null) {
      if (!request.take()) return;
      // The user's shell takes over.
      if (group !== null) takeTerminal(group);
      stopHere({ wholeJob: group !== null });
      // Continued in the background (bg), we may not take the terminal.
      group = null;
      // The SIGCONT that continued us is forwarded like any other signal. A
      // second one would undo a Ctrl-Z that follows immediately.
      if (passedOn.includes(SIGNAL.SIGCONT)) return;
    }
    passTerminal();
    kill(pid, SIGNAL.SIGCONT);
  };
  using held = new DisposableStack();
  held.defer(() => {
    if (group !== null) takeTerminal(group);
  });
  for await (const { byte } of early.listen(container.news())) {
    if (byte === NEWS.running) {
      early.running();
      hooks.setUp?.();
      hooks.running?.();
    }
    follow(byte);
  }
  if (!early.ended) hooks.setUp?.();
  if (!plan.init && !container.walk.outcome().failure) hooks.running?.();
  const status = plan.init
    ? wait(pid)
    : await waitForCommand(pid, () => follow(NEWS.stopped));
  ended = true;
  recipient.pid = 0;
  early.check();
  return status;
}
