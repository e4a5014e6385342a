/**
 * create: a container up to its execve. Runs on the host, in a command that
 * ends while the container's process waits to be started.
 */

import {
  createCgroup,
  DEFAULT_DEVICE_RULES,
  planCgroup,
  readHierarchy,
} from "../../cgroup/mod.ts";
import type { Cgroup } from "../../cgroup/mod.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import { startTime } from "../../cgroup/sweep.ts";
import { AT_FDCWD, type Descriptor, moveUp, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { connectUnix } from "../../ffi/unix_socket.ts";
import { wait } from "../../ffi/wait.ts";
import { type Container, startContainer } from "../../launch/container.ts";
import { checkStarted, outside } from "../../launch/diagnose.ts";
import { HANDED } from "../../launch/handed.ts";
import { compile } from "../../plan/compile.ts";
import type { Plan } from "../../plan/step.ts";
import { CommandError, EXIT, SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { readCaller } from "../caller.ts";
import { readFacts } from "../facts.ts";
import { hostMounts, mapIdsOf } from "../run.ts";
import { specFilter } from "../seccomp.ts";
import { runHooks } from "./hooks.ts";
import { refuseUndone } from "./undone.ts";
import { stateOf } from "./status.ts";
import type { Entry, Store } from "./store.ts";

/** What create is asked for beside the bundle. */
export interface CreateOptions {
  id: string;
  /** Absolute. */
  bundle: string;
  spec: Spec;
  pidFile?: string;
  preserveFds?: number;
  /** A Unix socket that takes the terminal's master side. */
  consoleSocket?: string;
  noPivot?: boolean;
}

const S_IFIFO = 0o010000;

/** Creates a container; on failure nothing of it is left. */
export async function create(
  store: Store,
  options: CreateOptions,
): Promise<void> {
  const { id, bundle, spec } = options;
  using entry = store.add({
    id,
    bundle,
    pid: 0,
    startTime: "",
    created: new Date().toISOString(),
    uid: Deno.uid() ?? 0,
    cgroup: null,
    spec,
  });
  let cgroup: Cgroup | null = null;
  try {
    const plans = cgroupOf(options);
    cgroup = plans && createCgroup(plans, (state) => {
      entry.save({ ...entry.record, cgroup: state });
    });
    using container = await startHeld(entry, options, plans);
    entry.save({
      ...entry.record,
      pid: container.pid,
      startTime: startTime(container.pid) ?? "",
    });
    if (options.pidFile !== undefined) {
      writePidFile(options.pidFile, container.pid);
    }
  } catch (error) {
    cgroup?.remove();
    entry.remove();
    throw error;
  }
}

function cgroupOf({ id, spec }: CreateOptions): CgroupPlan | null {
  const { resources, cgroupsPath } = spec.linux;
  return planCgroup({
    id,
    cgroupsPath,
    resources: {
      ...resources,
      // What the configuration forbids, it forbids of other devices.
      devices: [...resources?.devices ?? [], ...DEFAULT_DEVICE_RULES],
    },
    stats: true,
    all: true,
    freeze: true,
    rootless: !readCaller().privileged,
  }, readHierarchy());
}

/** Starts its first process and brings it to where it waits. */
async function startHeld(
  entry: Entry,
  options: CreateOptions,
  cgroup: CgroupPlan | null,
): Promise<Container> {
  const { spec, preserveFds = 0, consoleSocket } = options;
  refuseUndone(spec);
  using terminalTo = consoleFor(spec, consoleSocket);
  spec.process.preserve = preserveFds;
  const plan = await planOf(options, cgroup);
  syscall("mknodat", AT_FDCWD, cString(entry.fifo), S_IFIFO | 0o600, 0);
  using fifo = moveUp(open(entry.fifo, O.O_RDWR));
  const streams: Record<number, Descriptor> = { [HANDED.start]: fifo };
  using mounts = await hostMounts(plan);
  const container = startContainer({
    plan,
    args: spec.process.args,
    announce: false,
    debug: false,
    preserve: preserveFds,
    foreground: false,
    terminal: spec.process.terminal ?? false,
    mounts: mounts?.fds,
  }, { streams });
  try {
    mapIdsOf(plan, container.pid);
    entry.record.pid = container.pid;
    entry.record.startTime = startTime(container.pid) ?? "";
    const state = { ...stateOf(entry), status: "creating" as const };
    await runHooks("prestart", spec, state);
    await runHooks("createRuntime", spec, state);
    container.release();
    if (!await container.isReady(terminalTo?.fd ?? null)) {
      wait(container.pid);
      using held = new DisposableStack();
      const root = held.use(open(spec.root.path, O.O_PATH));
      try {
        checkStarted(container.walk, outside(root, held));
      } catch (error) {
        throw asRunc(spec, error);
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

/** A missing command in the words that engines look for. */
function asRunc({ process }: Spec, error: unknown): unknown {
  if (!(error instanceof CommandError) || error.status !== EXIT.notFound) {
    return error;
  }
  const [command = ""] = process.args;
  const reason = command.includes("/")
    ? `stat ${command}: no such file or directory`
    : "executable file not found in $PATH";
  return new CommandError(
    `exec: ${JSON.stringify(command)}: ${reason}: ${error.message}`,
    { status: error.status, cause: error },
  );
}

/** Who takes the terminal, where there is one. */
function consoleFor(spec: Spec, path: string | undefined): Descriptor | null {
  if (!spec.process.terminal) {
    if (path === undefined) return null;
    throw new SpecError(
      "cannot use console socket if container will not allocate tty",
      { hint: "Set process.terminal, or leave out --console-socket." },
    );
  }
  if (path !== undefined) return connectUnix(path);
  throw new SpecError(
    "cannot allocate tty if container will detach without setting console socket",
    { hint: "Give --console-socket PATH." },
  );
}

async function planOf(
  { spec, noPivot }: CreateOptions,
  cgroup: CgroupPlan | null,
): Promise<Plan> {
  const facts = readFacts(spec, {
    init: false,
    held: true,
    chroot: noPivot ?? false,
    rootKind: "directory",
    image: null,
    terminalStreams: [0, 1, 2],
    mapHelper: !readCaller().capable,
    streams: ["piped", "piped", "piped"],
    confineDevices: false,
    overlay: null,
    seccomp: await specFilter(spec),
    cgroup,
  });
  return compile(spec, facts);
}

/** Written whole, and there before create ends: engines read it then. */
function writePidFile(path: string, pid: number): void {
  const draft = `${path}.${Deno.pid}`;
  Deno.writeTextFileSync(draft, String(pid));
  Deno.renameSync(draft, path);
}
