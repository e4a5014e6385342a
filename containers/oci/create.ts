/**
 * create: makes a container up to its execve. Runs on the host, in a command
 * that ends while the container's process waits for `start`.
 */

import { stateOf as cgroupState } from "../../cgroup/mod.ts";
import { type Descriptor, moveUp, O, open } from "../../ffi/fcntl.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { wait } from "../../ffi/wait.ts";
import { type Container, startContainer } from "../../launch/container.ts";
import { checkStarted, outside } from "../../launch/diagnose.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { startTime } from "../../launch/host/owner.ts";
import { DESCRIPTOR } from "../../launch/lower/descriptors.ts";
import { compile } from "../../plan/compile.ts";
import type { Plan } from "../../plan/step.ts";
import type { Spec } from "../../spec/types.ts";
import type { CgroupManager } from "../decide/oci/cgroup.ts";
import { decideCreate, type DecidedCreate } from "../decide/oci/create.ts";
import { requesterIn } from "../decide/requester.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import { connectConsole, connectPidfd, type TakeTerminal } from "./console.ts";
import { destroy } from "./end.ts";
import { runHooks, type Warn } from "./hooks/hooks.ts";
import { EntryLedger } from "../store/entry_ledger.ts";
import { prepareReadyPlans } from "./ready_plans.ts";
import { stateOf } from "../store/status.ts";
import type { Entry, Store } from "../store/store.ts";
import { inRuncsWords } from "./runc_words.ts";

/** The options of create. */
export interface CreateOptions {
  id: string;
  /** The bundle's directory, absolute. */
  bundle: string;
  /** The configuration. It is adapted to this machine, and not changed. */
  spec: Spec;
  pidFile?: string;
  preserveFds?: number;
  /** Variables in addition to those of the configuration. */
  env?: readonly string[];
  /** A Unix socket that takes the terminal's master side. */
  consoleSocket?: string;
  /** Takes the master side in this process, if there is no socket. */
  takeTerminal?: TakeTerminal;
  /** A Unix socket that takes a pidfd of the first process. */
  pidfdSocket?: string;
  /** The container gets a socket for sd_notify(3). */
  notifies?: boolean;
  noPivot?: boolean;
  /** The session keyring stays the caller's, keyrings(7). */
  keepKeyring?: boolean;
  /** What creates the container's cgroup. */
  cgroups: CgroupManager;
  /** Takes a sentence on each problem that is ignored. */
  warn: Warn;
}

/**
 * Creates a container.
 *
 * @returns the pid of its first process
 * @throws {ContainerError} if it cannot be created; then nothing of it is left
 */
export async function create(
  store: Store,
  options: CreateOptions,
): Promise<number> {
  const { id, bundle } = options;
  using pidfd = options.pidfdSocket === undefined
    ? null
    : connectPidfd(options.pidfdSocket);
  using entry = store.reserve({
    id,
    bundle,
    pid: 0,
    startTime: "",
    created: new Date().toISOString(),
    uid: Deno.uid() ?? 0,
    cgroup: null,
    spec: options.spec,
  });
  let host: HostPhase | undefined;
  try {
    const planned = await planBundle(options, entry.path);
    const { plan, spec, cgroup } = planned;
    for (const line of planned.leftOut) options.warn(line);
    host = new HostPhase(
      plan.host,
      new EntryLedger(entry, {
        spec,
        cgroup: cgroup && cgroupState(cgroup),
        ...(plan.container.some(({ step }) => step === "chroot")
          ? { chroot: true }
          : {}),
      }),
    );
    await host.prepare();
    let settle = () => {};
    using container = await startHeld(entry, options, planned, host, () => {
      const { host: undos, ...record } = entry.record;
      entry.record = {
        ...record,
        ...(undos ? { host: { ...undos, started: true } } : {}),
      };
      const readyPlans = prepareReadyPlans(entry);
      const save = entry.draft({ ...entry.record, creating: undefined });
      settle = () => {
        save();
        readyPlans();
      };
    });
    pidfd?.send(container.pid);
    settle();
    host.leave();
    return container.pid;
  } catch (error) {
    host?.giveUp();
    await destroy(entry, options.warn);
    throw error;
  }
}

/**
 * Starts the first process and brings it to the point where it waits.
 *
 * @param meanwhile work that can be done until then
 */
async function startHeld(
  entry: Entry,
  options: CreateOptions,
  { plan, spec, facts: { seccomp } }: PlannedBundle,
  host: HostPhase,
  meanwhile: () => void,
): Promise<Container> {
  using terminal = connectConsole({ ...options, spec });
  using agent = seccomp?.notifies
    ? (await import("./agent.ts")).agentOf(spec, seccomp)
    : null;
  using fifo = moveUp(open(entry.fifo, O.O_RDWR));
  const streams: Record<number, Descriptor> = { [DESCRIPTOR.start]: fifo };
  const container = startContainer({
    plan,
    debug: false,
    preserve: spec.process.preserve ?? 0,
    foreground: false,
    terminal: spec.process.terminal ?? false,
    mounts: host.mounts,
  }, { streams });
  try {
    await host.attach(container.pid);
    // Saved before the process is released. Until then it ends with this
    // command; afterwards it waits for `start`, and a clean-up must know its
    // pid.
    entry.save({
      ...entry.record,
      pid: container.pid,
      startTime: startTime(container.pid) ?? "",
      creating: true,
    });
    const state = { ...stateOf(entry), status: "creating" as const };
    container.listened = (listener) =>
      agent?.take(listener, container.pid, state);
    container.release();
    // The process waits for these hooks once its root filesystem is set up.
    const hooks = async () => {
      await runHooks("prestart", spec, state);
      await runHooks("createRuntime", spec, state);
      if (!spec.hooks?.createContainer?.length) return;
      await (await import("./hooks/inner_hooks.ts")).runCreateContainer(entry);
    };
    const ready = container.isReady(terminal.take, hooks);
    meanwhile();
    if (!await ready) {
      wait(container.pid);
      using held = new DisposableStack();
      const root = held.use(open(spec.root.path, O.O_PATH));
      try {
        checkStarted(container.walk, outside(root, held));
      } catch (error) {
        throw inRuncsWords(spec.process.args, error);
      }
    }
    return container;
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    wait(container.pid);
    container[Symbol.dispose]();
    throw error;
  }
}

/** What {@linkcode create} is about to carry out. */
export interface PlannedBundle extends DecidedCreate {
  plan: Plan;
}

/**
 * The plan that {@linkcode create} carries out, without hooks on the host.
 * Changes nothing.
 *
 * @param directory the container's own
 */
export async function planBundle(
  options: CreateOptions,
  directory: string,
): Promise<PlannedBundle> {
  const decided = await decideCreate({
    ...options,
    config: options.spec,
    directory,
    sendsTerminal: options.consoleSocket !== undefined,
  }, requesterIn(THIS_MACHINE));
  return { ...decided, plan: compile(decided.spec, decided.facts) };
}
