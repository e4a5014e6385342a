/**
 * exec: runs another process in a container. Runs on the host, in the exec
 * command. Nothing that shares memory with this program enters the container.
 */

import type { Descriptor } from "../../../ffi/fcntl.ts";
import { kill, SIGNAL } from "../../../ffi/signal.ts";
import { wait } from "../../../ffi/wait.ts";
import {
  startContainer,
  type StartOptions,
} from "../../../launch/container.ts";
import { checkStarted, outside } from "../../../launch/diagnose.ts";
import type { Handover } from "../../../launch/handover.ts";
import { HostPhase } from "../../../launch/host/host_phase.ts";
import { DESCRIPTOR } from "../../../launch/lower/descriptors.ts";
import { StepError } from "../../../launch/step_error.ts";
import { compileExec } from "../../../plan/exec.ts";
import type { Plan } from "../../../plan/step.ts";
import { ContainerError, SpecError } from "../../../spec/errors.ts";
import type { Process, Spec } from "../../../spec/types.ts";
import { decideExec, type ExecRequest } from "../../decide/oci/exec.ts";
import { requesterIn } from "../../decide/requester.ts";
import { THIS_MACHINE } from "../../world/real_world.ts";
import { connectPidfd, type Console, consoleAt, NOWHERE } from "../console.ts";
import { explained, FirstProcess, stopped } from "../first_process.ts";
import { stateOf, statusOf } from "../../store/status.ts";
import type { ContainerRecord, Entry, Store } from "../../store/store.ts";
import { inRuncsWords } from "../runc_words.ts";

/** The options of exec. */
export interface ExecOptions extends
  Pick<
    ExecRequest,
    "process" | "detach" | "streams" | "preserveFds" | "cgroups"
  > {
  id: string;
  pidFile?: string;
  /** A Unix socket that takes the terminal's master side. */
  consoleSocket?: string;
  /** A Unix socket that takes a pidfd of the process. */
  pidfdSocket?: string;
  ignorePaused: boolean;
}

/** Everything that is decided about a process before it is started. */
export interface PreparedExec extends Disposable {
  plan: Plan;
  process: Process;
  /** The container's first process. */
  first: FirstProcess;
  /** Sends the listener of its filter to the agent. */
  tellAgent(listener: Descriptor, pid: number): void;
}

/**
 * Runs a process in a container and waits for its end; with `detach`, until it
 * has executed its command. setns(2), clone(2)
 *
 * An attached process is killed when this process is killed, as with `run`:
 * otherwise it would go on although nobody waits for it or can signal it. (With
 * runc it goes on.)
 *
 * @returns the status of the command, 128+n if signal n killed it; 0 with
 * `detach`
 * @throws {ContainerError} if the container does not exist, has stopped, or is
 * paused; {CommandError} if the command cannot be executed; {StepError} for a
 * step that failed
 */
export async function exec(
  store: Store,
  options: ExecOptions,
): Promise<number> {
  using prepared = await prepareExec(store, options);
  const { plan, process, first, tellAgent } = prepared;
  using terminal = consoleFor(process, options);
  using pidfd = options.pidfdSocket === undefined
    ? null
    : connectPidfd(options.pidfdSocket);
  const handover: Handover = {
    plan,
    debug: false,
    preserve: options.preserveFds,
    foreground: false,
    terminal: process.terminal ?? false,
  };
  const start: StartOptions = {
    streams: {
      [DESCRIPTOR.process]: first.pidfd,
      [DESCRIPTOR.root]: first.root,
    },
  };
  let started = 0;
  const listened = (listener: Descriptor) => tellAgent(listener, started);
  const created = (pid: number) => {
    started = pid;
    pidfd?.send(pid);
  };
  const host = new HostPhase(plan.host, null);
  try {
    await host.prepare();
    if (options.detach) {
      await startDetached(handover, host, start, {
        created,
        listened,
        first,
        terminal,
      });
      host.leave();
      return 0;
    }
    const { runParent } = await import("../../../launch/attend/parent.ts");
    const status = await runParent(handover, host, {
      created,
      listened,
      root: `/proc/self/fd/${first.root.fd}`,
      started() {},
    }, start);
    host.leave();
    return status;
  } catch (error) {
    host.giveUp();
    throw inRuncsWords(process.args, whyNotJoined(options.id, first, error));
  }
}

/**
 * Decides how a process joins a container; changes nothing. The container is
 * locked only meanwhile. Afterwards descriptors hold what is joined, and a
 * container that has been deleted lets no process in.
 *
 * @throws {ContainerError} if the container does not exist, has stopped, or is
 * paused
 */
export async function prepareExec(
  store: Store,
  options: ExecOptions,
): Promise<PreparedExec> {
  // The command that creates the container may be waiting for this one: if this
  // is one of its hooks, the creator holds the lock.
  if (store.peek(options.id)?.creating) throw notCreated(options.id);
  using entry = store.open(options.id);
  checkStatus(entry, options);
  const { record } = entry;
  using held = new DisposableStack();
  const first = held.use(FirstProcess.open(record));
  const { spec, plan } = await planOf(record, first, options);
  const { process } = spec;
  const asks = plan.process.some(({ step }) => step === "sendListener");
  const agent = asks
    ? held.use(new (await import("../agent.ts")).Agent(record.spec))
    : null;
  const state = stateOf(entry);
  const release = held.move();
  return {
    plan,
    process,
    first,
    tellAgent: (listener, pid) => agent?.take(listener, pid, state),
    [Symbol.dispose]: () => release.dispose(),
  };
}

/** The Spec of the process, and its plan. */
async function planOf(
  { id, cgroup, chroot, daily, spec: config }: ContainerRecord,
  first: FirstProcess,
  options: ExecOptions,
): Promise<{ spec: Spec; plan: Plan }> {
  const { pid, place } = first;
  const request = {
    ...options,
    sendsTerminal: options.consoleSocket !== undefined,
    takesSize: !options.detach,
  };
  const container = {
    pid,
    place,
    config,
    made: daily?.options,
    cgroup,
    chroot: chroot === true,
  };
  try {
    const { spec, facts, joined } = await decideExec(
      request,
      container,
      requesterIn(THIS_MACHINE),
    );
    return { spec, plan: compileExec(spec, facts, joined) };
  } catch (error) {
    throw explained(id, error);
  }
}

const notCreated = (id: string) =>
  new ContainerError(
    `cannot exec in a container that was not created to its end: ${id}`,
    { hint: `\`container delete --force ${id}\` removes it.` },
  );

function checkStatus(entry: Entry, { id, ignorePaused }: ExecOptions): void {
  const status = statusOf(entry);
  if (status === "stopped") throw stopped(id);
  if (status === "creating") throw notCreated(id);
  if (status === "paused" && !ignorePaused) {
    throw new ContainerError(
      "cannot exec in a paused container (use --ignore-paused to override)",
      { hint: `\`container resume ${id}\` resumes it.` },
    );
  }
}

/**
 * The receiver of the terminal if that is not this process. Errors are in
 * runc's words.
 */
function consoleFor(
  { terminal }: Process,
  { detach, consoleSocket }: ExecOptions,
): Console {
  if (consoleSocket === undefined) {
    if (!detach || !terminal) return NOWHERE;
    throw new SpecError(
      "cannot allocate tty if container will detach without setting console socket",
      { hint: "Add --console-socket PATH." },
    );
  }
  if (detach && terminal) return consoleAt(consoleSocket);
  throw new SpecError(
    "cannot use console socket if container will not detach or allocate tty",
    { hint: "Add --detach and --tty, or remove --console-socket." },
  );
}

interface Detaching {
  created(pid: number): void;
  listened(listener: Descriptor): void;
  first: FirstProcess;
  terminal: Console;
}

/**
 * Starts the process and waits for its execve. Until then it ends with this
 * command.
 */
async function startDetached(
  handover: Handover,
  host: HostPhase,
  start: StartOptions,
  { created, listened, first, terminal }: Detaching,
): Promise<void> {
  using container = startContainer(handover, start);
  container.listened = listened;
  try {
    created(container.pid);
    await host.attach(container.pid);
    container.release();
    await container.isReady(terminal.take, () => Promise.resolve());
    using held = new DisposableStack();
    checkStarted(container.walk, outside(first.root, held));
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    wait(container.pid);
    throw error;
  }
}

/**
 * Explains a failure to join. A container that has just ended lets no process
 * in: ESRCH, or ENOMEM from its dead PID namespace.
 */
function whyNotJoined(
  id: string,
  first: FirstProcess,
  error: unknown,
): unknown {
  if (!(error instanceof StepError)) return error;
  const { step: { step }, code } = error;
  const joining = step === "joinProcess" || step === "clone" ||
    step === "joinCgroups" || step === "openCgroups";
  return joining && (code === "ESRCH" || !first.isAlive())
    ? stopped(id)
    : error;
}
