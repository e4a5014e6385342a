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
import { DESCRIPTOR } from "../../../launch/lower/descriptors.ts";
import { StepError } from "../../../launch/step_error.ts";
import { compileExec } from "../../../plan/exec.ts";
import type { Facts } from "../../../plan/facts.ts";
import { once } from "../../../plan/once.ts";
import type { Plan } from "../../../plan/step.ts";
import { streamNames } from "../../../plan/process/streams.ts";
import { ContainerError, SpecError, UsageError } from "../../../spec/errors.ts";
import type { Process, Spec } from "../../../spec/types.ts";
import { readCaller } from "../../decide/caller.ts";
import type { ContainerOptions } from "../../decide/options.ts";
import { aboveOurs, ownDenies, readFacts } from "../../decide/facts.ts";
import type { AccountFiles } from "../../decide/users.ts";
import { readAccounts } from "./accounts.ts";
import { confinementOf } from "../confinement.ts";
import {
  connectPidfd,
  type Console,
  consoleAt,
  isPlain,
  NOWHERE,
} from "../console.ts";
import { entryOf } from "./cgroup.ts";
import { withHomeVariable } from "./process.ts";
import { explained, FirstProcess, stopped } from "../first_process.ts";
import { writePidFile } from "../../store/pid_file.ts";
import { stateOf, statusOf } from "../../store/status.ts";
import type { ContainerRecord, Entry, Store } from "../../store/store.ts";
import { inRuncsWords } from "../runc_words.ts";

/** The options of exec. */
export interface ExecOptions {
  id: string;
  /**
   * Makes the process from the container's configuration and, if accounts have
   * to be looked up, from the container's own files.
   */
  process: (
    spec: Spec,
    accounts: () => AccountFiles,
    made?: ContainerOptions,
  ) => Process;
  /** The process outlives this command. */
  detach: boolean;
  pidFile?: string;
  /** A Unix socket that takes the terminal's master side. */
  consoleSocket?: string;
  /** A Unix socket that takes a pidfd of the process. */
  pidfdSocket?: string;
  /**
   * How streams that are files of the host reach the process. Default: relayed
   * for a container of `run`, passed for a container of an engine.
   */
  streams?: ContainerOptions["streams"];
  preserveFds: number;
  /** Cgroups below the container's, `[CONTROLLER:]PATH` each. */
  cgroups: readonly string[];
  ignorePaused: boolean;
  /** The size of this command's terminal. */
  terminalSize?: () => Process["consoleSize"];
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
    args: process.args,
    announce: false,
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
  const prepare = (pid: number) => {
    started = pid;
    if (options.pidFile !== undefined) writePidFile(options.pidFile, pid);
    pidfd?.send(pid);
  };
  try {
    if (options.detach) {
      await startDetached(handover, start, {
        prepare,
        listened,
        first,
        terminal,
      });
      return 0;
    }
    const { runParent } = await import("../../../launch/attend/parent.ts");
    return await runParent(handover, {
      prepare,
      listened,
      root: `/proc/self/fd/${first.root.fd}`,
      started() {},
    }, start);
  } catch (error) {
    if (options.pidFile !== undefined) removePidFile(options.pidFile);
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
  const accounts = once(() => readAccounts(first.root));
  const process = withHomeVariable(
    options.process(record.spec, accounts, record.daily?.options),
    accounts,
  );
  process.preserve = options.preserveFds;
  if (process.terminal && !process.consoleSize) {
    process.consoleSize = options.terminalSize?.();
  }
  const plan = await planOf(record, { process, first, options });
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

interface Joining {
  process: Process;
  first: FirstProcess;
  options: ExecOptions;
}

async function planOf(
  record: ContainerRecord,
  { process, first, options }: Joining,
): Promise<Plan> {
  const { id, cgroup, chroot } = record;
  const { detach, cgroups, streams } = options;
  const spec: Spec = { ...record.spec, process };
  try {
    const namespaces = first.namespaces();
    const { seccomp, ...landlock } = await confinementOf(record);
    const facts: Facts = {
      ...landlock,
      ...readFacts(spec, {
        init: false,
        chroot: false,
        rootKind: "directory",
        image: null,
        terminalStreams: [0, 1, 2],
        mapHelper: true,
        streams: [],
        ownsPipes: true,
        inheritFiles: (streams ?? (record.daily ? "relay" : "inherit")) ===
          "inherit",
        confineDevices: false,
        overlay: null,
        seccomp,
        cgroup: null,
      }),
      joins: { detached: detach },
      isBundle: !record.daily,
      ...(!record.daily && isPlain(options) ? { plainLines: true } : {}),
      foreground: false,
      raisedLimits: namespaces.includes("user")
        ? aboveOurs(process.rlimits ?? [])
        : [],
      denySetgroups: ownDenies(readCaller()) ||
        namespaces.includes("user") && deniesSetgroups(first),
      cgroupEntry: entryOf(cgroup, cgroups, membershipOf(first)),
    };
    if (detach) refuseRelayed(facts);
    return compileExec(spec, facts, {
      pid: first.pid,
      namespaces,
      root: chroot === true || !namespaces.includes("mount"),
    });
  } catch (error) {
    throw explained(id, error);
  }
}

/**
 * Refuses files among the streams: with `detach` no process stays to copy them.
 */
function refuseRelayed({ relayedStreams: [file] }: Facts): void {
  if (!file) return;
  throw new UsageError(
    `Cannot run the command in the background: its ${
      streamNames(file.descriptors)
    } is a file of the host, and no process would remain to copy its data`,
    "Redirect it inside the container (sh -c '… > /log'), use /dev/null, or pass the file with --streams inherit.",
  );
}

/** The cgroups of the first process, cgroups(7). */
const membershipOf = (first: FirstProcess) =>
  Deno.readTextFileSync(first.path("cgroup"));

/** Whether setgroups(2) is denied in its user namespace, user_namespaces(7). */
const deniesSetgroups = (first: FirstProcess) =>
  Deno.readTextFileSync(first.path("setgroups")).trim() === "deny";

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
  prepare(pid: number): void;
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
  start: StartOptions,
  { prepare, listened, first, terminal }: Detaching,
): Promise<void> {
  using container = startContainer(handover, start);
  container.listened = listened;
  try {
    prepare(container.pid);
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

function removePidFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // The file was never written.
  }
}
