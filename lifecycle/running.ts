/**
 * A container run from a program: its streams, its end, its signals. Runs in
 * that program's process, on the host; nothing that shares its memory enters
 * the container.
 */

import type { Stats } from "../cgroup/mod.ts";
export type { Stats };
import { type Descriptor, moveUp, O, open, pipe } from "../ffi/fcntl.ts";
import { kill, SIGNAL, type SignalName } from "../ffi/signal.ts";
import { wait, waitInBackground, type WaitStatus } from "../ffi/wait.ts";
import { type Container, startContainer } from "../launch/container.ts";
import { checkStarted, outside } from "../launch/diagnose.ts";
import { ContainerError, SpecError } from "../spec/errors.ts";
import type { HostMounts } from "../launch/host_mounts.ts";
import { sweepLeftovers } from "./leftovers.ts";
import { makeLayers } from "./layers.ts";
import { Limits } from "./limits.ts";
import type { ContainerOptions } from "./options.ts";
import { findRootFilesystem } from "./root_filesystem.ts";
import {
  hostMounts,
  mapIdsOf,
  prepare,
  type Prepared,
  rootOnHost,
} from "./run.ts";

/** What a stream of the container is tied to. */
export type Stdio = "inherit" | "null" | "piped";

/** {@linkcode ContainerOptions} for a program. */
export interface LibraryOptions extends Omit<ContainerOptions, "tty" | "init"> {
  stdin?: Stdio;
  stdout?: Stdio;
  stderr?: Stdio;
}

/** How a command ended. */
export interface ExitStatus {
  /** Its status; 128 and the signal's number when one killed it. */
  code: number;
  success: boolean;
  signal: SignalName | null;
  /** The kernel killed a process of it for want of memory. */
  outOfMemory: boolean;
}

const NUMBER = { stdin: 0, stdout: 1, stderr: 2 } as const;
type StreamName = keyof typeof NUMBER;

/** The two ends of a stream: ours, and the one that the container gets. */
interface Tie {
  theirs: Descriptor | null;
  ours: Descriptor | null;
}

function tie(name: StreamName, kind: Stdio): Tie {
  if (kind === "inherit") return { theirs: null, ours: null };
  if (kind === "null") {
    return { theirs: moveUp(open("/dev/null", O.O_RDWR)), ours: null };
  }
  const { read, write } = pipe();
  return name === "stdin"
    ? { theirs: moveUp(read), ours: write }
    : { theirs: moveUp(write), ours: read };
}

/** A running container. Disposing of it kills it and waits for its end. */
export class RunningContainer implements AsyncDisposable {
  /** The number of its first process, here on the host. */
  readonly pid: number;
  /** How it ended; rejects where the command could not be started. */
  readonly status: Promise<ExitStatus>;
  readonly #container: Container;
  readonly #limits: Limits | null;
  readonly #ties: Record<StreamName, Tie>;
  readonly #files = new Map<StreamName, Deno.FsFile>();
  #ended = false;

  /** Use {@linkcode run}. */
  constructor(
    container: Container,
    ties: Record<StreamName, Tie>,
    limits: Limits | null,
    finish: (status: WaitStatus | null) => ExitStatus,
  ) {
    this.#container = container;
    this.#ties = ties;
    this.#limits = limits;
    this.pid = container.pid;
    this.status = waitInBackground(container.pid).then((status) => {
      this.#ended = true;
      return finish(status);
    });
    // Who never looks at the status is not to die of its rejection.
    this.status.catch(() => {});
  }

  /** What the command reads; with `stdin: "piped"`. */
  get stdin(): WritableStream<Uint8Array<ArrayBuffer>> {
    return this.#file("stdin").writable;
  }

  /** What the command writes; with `stdout: "piped"`. */
  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#file("stdout").readable;
  }

  /** What the command complains of; with `stderr: "piped"`. */
  get stderr(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#file("stderr").readable;
  }

  #file(name: StreamName): Deno.FsFile {
    const known = this.#files.get(name);
    if (known) return known;
    const { ours } = this.#ties[name];
    if (!ours) throw new TypeError(`${name} is not piped`);
    const file = Deno.openSync(`/proc/self/fd/${ours.fd}`, {
      read: name !== "stdin",
      write: name === "stdin",
    });
    ours.close();
    this.#files.set(name, file);
    return file;
  }

  /** Sends a signal; false when it has ended already. */
  signal(name: SignalName): boolean {
    return !this.#ended && kill(this.pid, SIGNAL[name]);
  }

  /** What it has used, where a limit gave it a cgroup. */
  stats(): Stats {
    if (!this.#limits) {
      throw new ContainerError("Cannot tell what it uses: it has no cgroup", {
        hint: "Ask for a limit (resources).",
      });
    }
    return this.#limits.stats();
  }

  /** Kills it and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) kill(this.pid, SIGNAL.SIGKILL);
    await this.status.catch(() => {});
    for (const { ours } of Object.values(this.#ties)) ours?.close();
    this.#container[Symbol.dispose]();
  }
}

const NAMES = new Map(
  Object.entries(SIGNAL).map((
    [name, number],
  ): [number, SignalName] => [number, name as SignalName]),
);

/**
 * Runs a command in a new container, isolated as `container run --no-init`.
 *
 * @throws ContainerError, with cause and cure, where it cannot be started
 */
export async function run(options: LibraryOptions): Promise<RunningContainer> {
  const rootfs = await findRootFilesystem(options.rootfs, () => {});
  const prepared = await prepare(
    { ...options, init: false, tty: false },
    rootfs,
    [options.stdin ?? "null", options.stdout, options.stderr],
  );
  if (prepared.learn) {
    throw new SpecError(
      "Cannot learn a seccomp profile: the library does not",
      { hint: "Use container run --seccomp learn." },
    );
  }
  // A program reads no lines: what it asked for and cannot have, it is told.
  const [unlimited] = prepared.unlimited;
  if (unlimited) throw unlimited;
  await sweepLeftovers();
  using undo = new DisposableStack();
  const mounts = undo.adopt(
    await hostMounts(prepared.plan),
    (made) => made?.[Symbol.dispose](),
  );
  const limits = prepared.cgroup && await Limits.make(prepared.cgroup);
  const container = launch(prepared, options, { mounts, limits });
  // An image is looked into when the command could not be executed.
  const kept = undo.move();
  container.status.catch(() => {}).finally(() => kept.dispose());
  return container;
}

/** Starts what was prepared. For measurements; a program uses {@linkcode run}. */
export function launch(
  prepared: Prepared,
  options: LibraryOptions,
  { mounts = null, limits = null }: {
    mounts?: HostMounts | null;
    limits?: Limits | null;
  } = {},
): RunningContainer {
  const { plan, spec, facts } = prepared;
  using undo = new DisposableStack();
  undo.use(limits);
  makeLayers(spec, facts);
  const ties: Record<StreamName, Tie> = {
    stdin: tie("stdin", options.stdin ?? "null"),
    stdout: tie("stdout", options.stdout ?? "inherit"),
    stderr: tie("stderr", options.stderr ?? "inherit"),
  };
  const streams: Record<number, Descriptor> = {};
  for (const [name, { theirs }] of Object.entries(ties)) {
    if (theirs) streams[NUMBER[name as StreamName]] = theirs;
  }
  undo.defer(() => {
    for (const { theirs } of Object.values(ties)) theirs?.close();
  });
  const container = startContainer({
    plan,
    args: spec.process.args,
    announce: false,
    debug: false,
    preserve: spec.process.preserve ?? 0,
    foreground: false,
    mounts: mounts?.fds,
    terminal: spec.process.terminal ?? false,
  }, streams);
  try {
    mapIdsOf(plan, container.pid);
    container.release();
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    wait(container.pid);
    container[Symbol.dispose]();
    throw error;
  }
  for (const { theirs } of Object.values(ties)) theirs?.close();
  const done = undo.move();
  return new RunningContainer(container, ties, limits, (status) => {
    using _done = done;
    const outOfMemory = limits?.oomKilled() ?? false;
    using held = new DisposableStack();
    const root = held.use(
      open(rootOnHost(spec.root.path, plan, mounts), O.O_PATH),
    );
    checkStarted(container.walk, outside(root, held));
    const signal = status && "signaled" in status ? status.signaled : 0;
    const code = signal
      ? 128 + signal
      : status && "exited" in status
      ? status.exited
      : 0;
    return {
      code,
      success: code === 0,
      signal: NAMES.get(signal) ?? null,
      outOfMemory,
    };
  });
}
