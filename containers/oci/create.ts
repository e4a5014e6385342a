/**
 * create: makes a container up to its execve. Runs on the host, in a command
 * that ends while the container's process waits for `start`.
 */

import { startTime } from "../../cgroup/sweep.ts";
import { AT_FDCWD, type Descriptor, moveUp, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { wait } from "../../ffi/wait.ts";
import { type Container, startContainer } from "../../launch/container.ts";
import { checkStarted, outside } from "../../launch/diagnose.ts";
import { DESCRIPTOR } from "../../launch/lower/descriptors.ts";
import { compile } from "../../plan/compile.ts";
import type { MovedDevices } from "../../network/move_device.ts";
import type { Plan } from "../../plan/step.ts";
import type { Spec } from "../../spec/types.ts";
import { hostMounts, mapIdsOf } from "../run/run.ts";
import type { CgroupManager } from "../decide/oci/cgroup.ts";
import { decideCreate, type DecidedCreate } from "../decide/oci/create.ts";
import { requesterIn } from "../decide/requester.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import { makeCgroup } from "./cgroup.ts";
import { connectConsole, connectPidfd, type TakeTerminal } from "./console.ts";
import { destroy } from "./end.ts";
import { runHooks, type Warn } from "./hooks/hooks.ts";
import { moveDevices } from "./net_devices.ts";
import { makeNotifyDirectory, notifyDirectory } from "./notify_socket.ts";
import { writePidFile } from "../store/pid_file.ts";
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

const S_IFIFO = 0o010000;

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
  try {
    const decided = await decide(options, entry.path);
    const { spec, cgroup } = decided;
    entry.record = { ...entry.record, spec };
    for (const line of decided.leftOut) options.warn(line);
    // createCgroup saves the record together with the cgroup. Without it, or
    // with a scope, the record is saved here first.
    if (!cgroup || cgroup.scope) entry.save(entry.record);
    using _held = await makeCgroup(cgroup, entry);
    let settle = () => {};
    using container = await startHeld(entry, options, decided, () => {
      const readyPlans = prepareReadyPlans(entry);
      const record = entry.draft({ ...entry.record, creating: undefined });
      settle = () => {
        record();
        readyPlans();
      };
    });
    if (options.pidFile !== undefined) {
      writePidFile(options.pidFile, container.pid);
    }
    pidfd?.send(container.pid);
    settle();
    return container.pid;
  } catch (error) {
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
  { spec, facts }: DecidedCreate,
  meanwhile: () => void,
): Promise<Container> {
  if (options.notifies) makeNotifyDirectory(entry);
  using terminal = connectConsole({ ...options, spec });
  const { seccomp } = facts;
  using agent = seccomp?.notifies
    ? (await import("./agent.ts")).agentOf(spec, seccomp)
    : null;
  const plan = compile(spec, facts);
  syscall("mknodat", AT_FDCWD, cString(entry.fifo), S_IFIFO | 0o600, 0);
  using fifo = moveUp(open(entry.fifo, O.O_RDWR));
  const streams: Record<number, Descriptor> = { [DESCRIPTOR.start]: fifo };
  using mounts = await hostMounts(plan);
  const container = startContainer({
    plan,
    args: spec.process.args,
    announce: false,
    debug: false,
    preserve: spec.process.preserve ?? 0,
    foreground: false,
    terminal: spec.process.terminal ?? false,
    mounts: mounts?.fds,
  }, { streams });
  let moved: MovedDevices | null = null;
  try {
    mapIdsOf(plan, container.pid);
    if (plan.container.some(({ step }) => step === "chroot")) {
      entry.record.chroot = true;
    }
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
    const { intelRdt } = spec.linux;
    if (intelRdt) {
      const { joinClass } = await import("./intel_rdt.ts");
      joinClass(intelRdt, {
        id: options.id,
        pid: container.pid,
        made(path) {
          const rdt = [...entry.record.rdt ?? [], path];
          entry.save({ ...entry.record, rdt });
        },
      });
    }
    moved = await moveDevices(spec, container.pid);
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
    moved?.back();
    kill(container.pid, SIGNAL.SIGKILL);
    wait(container.pid);
    container[Symbol.dispose]();
    throw error;
  } finally {
    moved?.[Symbol.dispose]();
  }
}

/**
 * The plan that {@linkcode create} would carry out, without hooks on the host.
 * Changes nothing.
 *
 * @param directory the directory that the container would have
 */
export async function planBundle(
  options: CreateOptions,
  directory: string,
): Promise<{ plan: Plan } & Pick<DecidedCreate, "cgroup" | "leftOut">> {
  const { spec, facts, cgroup, leftOut } = await decide(options, directory);
  return { plan: compile(spec, facts), cgroup, leftOut };
}

/** Decides everything for a container that has this directory. */
const decide = (options: CreateOptions, directory: string) =>
  decideCreate({
    ...options,
    config: options.spec,
    sendsTerminal: options.consoleSocket !== undefined,
    ...(options.notifies ? { notify: notifyDirectory(directory) } : {}),
  }, requesterIn(THIS_MACHINE));
