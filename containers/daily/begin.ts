/**
 * Starts a container that outlives the command which starts it, from its record
 * to its execve. Runs on the host, in the process of that command. For a
 * restart, that is the command that the container's keeper has executed in its
 * own process.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { stateOf } from "../../cgroup/mod.ts";
import { type Descriptor, moveUp, O, open, writeAll } from "../../ffi/fcntl.ts";
import { sendDescriptor } from "../../ffi/unix_socket.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { type Container, startContainer } from "../../launch/container.ts";
import { checkStarted, outside } from "../../launch/diagnose.ts";
import { DESCRIPTOR } from "../../launch/lower/descriptors.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { bootId, startTime } from "../../launch/host/owner.ts";
import { Keeper } from "../../launch/keeper.ts";
import { compile } from "../../plan/compile.ts";
import type { Plan } from "../../plan/step.ts";
import { ContainerError, SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { selfEnv } from "../decide/facts.ts";
import { requesterIn } from "../decide/requester.ts";
import { type Decided, decideRun } from "../decide/run.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import { EntryLedger } from "../store/entry_ledger.ts";
import type { Entry, Store } from "../store/store.ts";
import { withSharedNetwork } from "./shared_network.ts";
import { viewOnHost } from "../run/run.ts";
import {
  type DailyRecord,
  FIRST_DELAY,
  LAST_DELAY,
} from "../store/daily_record.ts";

/**
 * How many digits of the id are shown in ps(1), enough to identify a keeper.
 */
const SHOWN = 12;

/**
 * Decides everything for a container in the background; changes nothing.
 *
 * @throws {UsageError} or {SpecError} for options that are invalid or cannot be
 * met
 */
export async function decideDetached(
  store: Store,
  id: string,
  { name, options, rootfs, image, interactive, idFile }:
    & Pick<DailyRecord, "name" | "options" | "rootfs" | "image" | "interactive">
    & { idFile?: string },
): Promise<Decided> {
  const decided = await decideRun(
    {
      id,
      options: {
        ...withSharedNetwork(store, options),
        init: false,
        tty: options.tty ?? false,
      },
      rootfs,
      image,
      background: true,
      record: { directory: store.pathOf(id), container: name },
      idFile,
    },
    requesterIn(THIS_MACHINE, [
      interactive ? "piped" : "null",
      "piped",
      "piped",
    ]),
  );
  if (decided.learn) {
    throw new SpecError(
      "Cannot learn a seccomp profile from a container in the background",
      { hint: "Remove --detach." },
    );
  }
  return decided;
}

/**
 * Starts the container of an entry that has no running process. After a failure
 * the entry has no process and no cgroup.
 *
 * @param ready awaited before the command starts, when it is possible to attach
 * @throws {StepError} for a step that failed, {CommandError} if the command
 * cannot be executed, another {ContainerError} for anything else
 */
export async function begin(
  store: Store,
  entry: Entry,
  decided: Decided,
  ready?: () => Promise<void> | undefined,
): Promise<void> {
  const { id, daily } = entry.record;
  if (!daily) {
    throw new TypeError(`${id} was not started by run --detach`);
  }
  clearStart(entry);
  const plan = compile(decided.spec, decided.facts);
  const host = new HostPhase(
    plan.host,
    new EntryLedger(entry, {
      pid: 0,
      startTime: "",
      boot: bootId(),
      cgroup: decided.cgroup && stateOf(decided.cgroup),
      spec: decided.spec,
      daily: { ...daily, keeper: null },
    }),
  );
  try {
    await host.prepare();
    await launch(store, entry, { spec: decided.spec, plan, host }, ready);
    host.leave();
  } catch (error) {
    host.giveUp();
    entry.save({ ...entry.record, pid: 0, startTime: "", cgroup: null });
    clearStart(entry);
    throw error;
  }
}

/** Removes the fifo that an earlier start may have left. */
function clearStart({ fifo }: Entry): void {
  try {
    Deno.removeSync(fifo);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function launch(
  store: Store,
  entry: Entry,
  { spec, plan, host }: { spec: Spec; plan: Plan; host: HostPhase },
  ready?: () => Promise<void> | undefined,
): Promise<void> {
  using held = new DisposableStack();
  const hold = (descriptor: Descriptor) => held.use(moveUp(descriptor));
  const fifo = hold(open(entry.fifo, O.O_RDWR));
  const keeper = held.use(
    new Keeper(keeping(
      store,
      entry,
      hold(open(entry.path, O.O_PATH | O.O_DIRECTORY)),
    )),
  );
  let container: Container | undefined;
  try {
    container = held.use(startContainer({
      plan,
      debug: false,
      preserve: 0,
      foreground: false,
      terminal: spec.process.terminal ?? false,
      mounts: host.mounts,
    }, { streams: { [DESCRIPTOR.start]: fifo }, keeper }));
    await host.attach(container.pid);
    container.release();
    const root = async () => {
      const path = await viewOnHost(spec.root.path, plan, host, held);
      return typeof path === "string"
        ? outside(held.use(open(path, O.O_PATH)), held)
        : path;
    };
    const keepTerminal = (master: Descriptor) => {
      using _sent = master;
      try {
        sendDescriptor(keeper.control, master.fd, "/dev/ptmx");
      } catch (error) {
        // The container has failed and its keeper has ended. The check that
        // follows finds out why.
        if (!(error instanceof SyscallError) || error.code !== "EPIPE") {
          throw error;
        }
      }
    };
    if (!await container.isReady(keepTerminal)) {
      checkStarted(container.walk, await root());
      throw new ContainerError(
        "Cannot start the container: its first process was killed",
        { hint: "Check with dmesg whether the machine is out of memory." },
      );
    }
    const { daily } = entry.record;
    host.started();
    entry.save({
      ...entry.record,
      host: host.record(),
      pid: container.pid,
      startTime: startTime(container.pid) ?? "",
      daily: {
        ...daily!,
        keeper: { pid: keeper.pid, startTime: startTime(keeper.pid) ?? "" },
        started: new Date().toISOString(),
      },
    });
    // From here on the record knows the container. Once the command runs, it
    // and its keeper may end at any time.
    keeper.keep();
    await ready?.();
    const before = nameOf(container.pid);
    writeAll(fifo.fd, new Uint8Array(1));
    await Deno.remove(entry.fifo);
    await executed(container, before);
    checkStarted(container.walk, await root());
  } catch (error) {
    if (container) kill(container.pid, SIGNAL.SIGKILL);
    keeper.end();
    throw error;
  }
}

function keeping(store: Store, { record }: Entry, directory: Descriptor) {
  const { id, daily } = record;
  const { interactive, logMax, restart, autoRemove, delay } = daily!;
  const [, ...self] = THIS_MACHINE.program();
  // Its addresses, ports and way out are given back when it ends.
  const { networks, wayOut } = daily!.options;
  const inNetworks = Boolean(networks ?? wayOut);
  const once = restart.name === "no";
  const then = once && !autoRemove && !inNetworks ? undefined : {
    argv: [Deno.execPath(), ...self, "--root", store.root, "ended", id],
    env: selfEnv(THIS_MACHINE),
    delay: autoRemove || once ? 0 : delay,
    calm: autoRemove || once ? 0 : FIRST_DELAY,
  };
  return { name: id.slice(0, SHOWN), directory, interactive, logMax, then };
}

/**
 * The longest time that an execve takes on a healthy machine, in milliseconds.
 */
const EXECVE = 2000;

/** Waits until the command has replaced the walker, or has failed to. */
async function executed(
  { pid, walk }: Container,
  before: string | null,
): Promise<void> {
  const end = performance.now() + EXECVE;
  while (performance.now() < end) {
    const name = nameOf(pid);
    if (name === null || name !== before || walk.outcome().failure) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The name of the program that a process executes, comm in proc(5). */
function nameOf(pid: number): string | null {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`);
  } catch {
    return null;
  }
}

/** The delay before the next restart: doubled each time, as with docker. */
export const nextDelay = (delay: number) => Math.min(2 * delay, LAST_DELAY);
