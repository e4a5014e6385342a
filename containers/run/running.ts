/**
 * A container that a program runs: its streams, end and signals. Runs on the
 * host, in that program's process. Nothing that shares the program's memory
 * enters the container.
 */

import type { DeviceStats, Stats } from "../../cgroup/stats.ts";
export type { DeviceStats, Stats };
import { waitForEnd } from "../../ffi/pidfd.ts";
import { kill, SIGNAL, type SignalName } from "../../ffi/signal.ts";
import { exitCode, wait, type WaitStatus } from "../../ffi/wait.ts";
import { type Container, startContainer } from "../../launch/container.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { StreamRelay } from "../../launch/attend/stream_relay.ts";
import { WITH_PROCESS } from "../../plan/host_kinds.ts";
import type { Plan } from "../../plan/step.ts";
import { closestString } from "./closest.ts";
import { ContainerError, OptionError, SpecError } from "../../spec/errors.ts";
import { shown } from "../../spec/reader.ts";
import { checkOptions, inLibraryWords } from "./library_words.ts";
import { type Compiled, compileOnce } from "./kept_programs.ts";
import type { Cgroup } from "../../cgroup/mod.ts";
import { ledgerFor, sweepLeftoversOnce } from "./leftovers.ts";
import { type LibraryOptions, streamsOf } from "./library_options.ts";
import { checkSteps, wantedBy } from "./library_start.ts";
import { Pipes, type Readable, type Writable } from "./pipes.ts";
import { requesterIn } from "../decide/requester.ts";
import { type Decided, decideRun } from "../decide/run.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import { containerId } from "./run.ts";

/** How the command ended. */
export interface ExitStatus {
  /** The status of the command; 128+n if signal n killed it. */
  code: number;
  /** Whether `code` is 0. */
  success: boolean;
  /** The signal that killed it. */
  signal: SignalName | null;
  /** The kernel killed a process of the container because memory ran out. */
  outOfMemory: boolean;
}

/**
 * A running container. Disposing of it (`await using`) kills it if it still
 * runs, waits for its end and closes its streams.
 */
export interface RunningContainer extends AsyncDisposable {
  /** The pid of its first process on the host. */
  readonly pid: number;
  /**
   * How the container ended; resolves after all of its output has been copied.
   * Rejects with a {@linkcode CommandError} if the command cannot be executed,
   * with a {@linkcode StepError} if a step inside fails, and with a {@linkcode
   * ContainerError} if a file of yours takes no more output.
   */
  readonly status: Promise<ExitStatus>;
  /**
   * The standard input of the command; close it to signal the end. Throws a
   * TypeError unless `stdin` is `"piped"`.
   */
  readonly stdin: WritableStream<Uint8Array>;
  /**
   * The standard output of the command; throws a TypeError unless `"piped"`.
   */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The standard error of the command; throws a TypeError unless `"piped"`. */
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Sends a signal to the command, kill(2); false if it has ended. The command
   * is PID 1: signals that it does not handle have no effect, except SIGKILL
   * and SIGSTOP. Throws an {@linkcode OptionError} for an unknown name.
   */
  signal(name: SignalName): boolean;
  /**
   * The container's resource use, or its total after the end. It may be empty
   * before the command has started. Throws a {@linkcode ContainerError} unless
   * a limit (`resources`) gave the container a cgroup.
   */
  stats(): Stats;
}

/**
 * Runs a command in a new container, isolated as by `container run --no-init`:
 * the command is PID 1. Resolves when its first process exists. Later failures
 * reject its `status`.
 *
 * Call it from the main thread, or from a worker that lives as long as the
 * container: the container is killed when the thread that started it ends.
 *
 * @throws {OptionError} for an option that is unknown or has a wrong value;
 * {UsageError} or {SpecError} for options that cannot be met; {StepError} for a step that failed; another {ContainerError} for
 * something that is missing on this machine; the reason of `signal` if it was
 * already aborted
 */
export async function run(options: LibraryOptions): Promise<RunningContainer> {
  try {
    return await start(checkOptions(options));
  } catch (error) {
    throw inLibraryWords(error);
  }
}

async function start(options: LibraryOptions): Promise<RunningContainer> {
  options.signal?.throwIfAborted();
  const requester = requesterIn(THIS_MACHINE, streamsOf(options));
  const wanted = await wantedBy(options, requester);
  const decided = await decideRun({ ...wanted, id: containerId() }, requester);
  refuse(decided);
  const compiled = compileOnce(decided.spec, decided.facts);
  await sweepLeftoversOnce();
  using undo = new DisposableStack();
  const host = undo.use(
    new HostPhase(compiled.plan.host, await ledgerFor(compiled.plan)),
  );
  await host.prepare();
  const limits = decided.cgroup && await cgroupOf(decided.cgroup);
  options.signal?.throwIfAborted();
  const container = await launch(decided, compiled, options, { host, limits });
  undo.move();
  return container;
}

async function cgroupOf(plan: NonNullable<Decided["cgroup"]>): Promise<Cgroup> {
  const { Cgroup, stateOf } = await import("../../cgroup/mod.ts");
  return new Cgroup(stateOf(plan));
}

/** @throws {ContainerError} for `learn` */
function refuse({ learn }: Decided): void {
  if (!learn) return;
  throw new SpecError(
    "Cannot learn a seccomp profile: the library does not support it",
    { hint: "Use container run --seccomp learn instead." },
  );
}

/** What was created on the host for one container and is removed with it. */
interface Made {
  host: HostPhase;
  limits: Cgroup | null;
}

async function launch(
  { spec, facts }: Decided,
  { plan, program }: Compiled,
  options: LibraryOptions,
  { host, limits }: Made,
): Promise<RunningContainer> {
  using undo = new DisposableStack();
  const pipes = undo.use(
    new Pipes({
      stdin: options.stdin ?? "null",
      stdout: options.stdout ?? "inherit",
      stderr: options.stderr ?? "inherit",
    }),
  );
  const relay = undo.use(StreamRelay.of(host.takePipes()));
  const waits = plan.host.some(({ step }) => WITH_PROCESS.has(step));
  const container = undo.use(startContainer({
    plan,
    debug: false,
    preserve: spec.process.preserve ?? 0,
    foreground: false,
    mounts: host.mounts,
    terminal: spec.process.terminal ?? false,
  }, {
    streams: { ...pipes.theirs, ...relay?.theirs },
    news: false,
    released: !waits,
    program,
  }));
  pipes.closeTheirs();
  relay?.begin();
  let ended: Promise<WaitStatus | null>;
  try {
    if (waits) {
      await host.attach(container.pid);
      container.release();
    }
    ended = waitForEnd(container.pid);
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    wait(container.pid);
    throw error;
  }
  undo.move();
  return new Running(container, pipes, limits, {
    ended,
    relay,
    host,
    root: spec.root.path,
    plan,
    foreground: facts.foreground,
    signal: options.signal,
  });
}

/** What the end of a container needs to know about its start. */
interface Origin {
  ended: Promise<WaitStatus | null>;
  relay: StreamRelay | null;
  /** Its image may have to be examined, and it is taken back at the end. */
  host: HostPhase;
  /** Where to find out why the command cannot be executed. */
  root: string;
  plan: Plan;
  /** The container has the terminal's foreground, which was this process's. */
  foreground: boolean;
  signal?: AbortSignal;
}

class Running implements RunningContainer {
  readonly pid: number;
  readonly status: Promise<ExitStatus>;
  readonly #pipes: Pipes;
  readonly #limits: Cgroup | null;
  #ended = false;
  #used: Stats | null = null;

  constructor(
    container: Container,
    pipes: Pipes,
    limits: Cgroup | null,
    origin: Origin,
  ) {
    this.pid = container.pid;
    this.#pipes = pipes;
    this.#limits = limits;
    const end = () => this.signal("SIGKILL");
    origin.signal?.addEventListener("abort", end);
    this.status = origin.ended.then((status) => {
      this.#ended = true;
      origin.signal?.removeEventListener("abort", end);
      return this.#finish(status, container, origin);
    }).catch((error) => {
      throw inLibraryWords(error);
    });
    // A program that never awaits the status must not end because it rejects.
    this.status.catch(() => {});
  }

  async #finish(
    status: WaitStatus | null,
    container: Container,
    { relay, host, root, plan, foreground }: Origin,
  ): Promise<ExitStatus> {
    using _host = host;
    using _relay = relay;
    using _container = container;
    if (!container.walk.outcome().failure) host.started();
    this.#used = this.#limits?.stats() ?? null;
    if (foreground) {
      (await import("../../launch/attend/foreground.ts")).takeForeground();
    }
    const lost = await relay?.finish(status ? exitCode(status) : 0);
    await checkSteps(container, { root, plan, host });
    if (!status) {
      throw new ContainerError(
        "Cannot find out how the container ended: other code took its status (ECHILD)",
        { hint: "Other code in this program waits for all child processes." },
      );
    }
    if (lost) throw lost;
    const signal = "signaled" in status ? status.signaled : 0;
    const code = exitCode(status);
    return {
      code,
      success: code === 0,
      signal: NAMES.get(signal) ?? null,
      outOfMemory: Boolean(this.#used?.memory?.oomKills),
    };
  }

  get stdin(): Writable {
    return piped(this.#pipes, "stdin");
  }

  get stdout(): Readable {
    return piped(this.#pipes, "stdout");
  }

  get stderr(): Readable {
    return piped(this.#pipes, "stderr");
  }

  signal(name: SignalName): boolean {
    if (!Object.hasOwn(SIGNAL, name)) {
      const near = closestString(String(name), Object.keys(SIGNAL));
      throw new OptionError(
        "signal",
        `unknown signal ${shown(name)}`,
        near ? `Did you mean ${near}?` : "Example: SIGTERM. See signal(7).",
      );
    }
    return !this.#ended && kill(this.pid, SIGNAL[name]);
  }

  stats(): Stats {
    const used = this.#ended ? this.#used : this.#limits?.stats();
    if (used) return used;
    throw new ContainerError(
      "Cannot read the container's resource usage: it has no cgroup",
      {
        hint: "Set a limit (resources).",
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.status.catch(() => {});
    this.#pipes[Symbol.dispose]();
  }
}

function piped<Name extends "stdin" | "stdout" | "stderr">(
  pipes: Pipes,
  name: Name,
): NonNullable<Pipes[Name]> {
  const { [name]: stream } = pipes;
  if (stream) return stream;
  throw new TypeError(`Cannot use ${name}: it is not piped`);
}

const NAMES = new Map(
  Object.entries(SIGNAL).map((
    [name, number],
  ): [number, SignalName] => [number, name as SignalName]),
);
