/**
 * A new container's PID 1, started and held by its parent. Runs on the host,
 * in the process that waits for it.
 */

import {
  type Descriptor,
  duplicateUp,
  emptyMemoryFile,
  moveUp,
  O,
  open,
  pipe,
  writeAll,
} from "../ffi/fcntl.ts";
import { SyscallError } from "../ffi/errno.ts";
import { type Message, receive, socketPair } from "../ffi/socket.ts";
import type { Plan } from "../plan/step.ts";
import type { Handover } from "./handover.ts";
import { NEWS } from "./lower/news.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import type { Keeper } from "./keeper.ts";
import { packHandover } from "./pack_handover.ts";
import { takePrelaunched } from "./prelaunched.ts";
import { compileSteps, type Program } from "./program.ts";
import { clonedPid, type Walk, walk } from "./walker.ts";

/** PID 1 of a container, as its parent sees it. */
export class Container implements Disposable {
  /** Takes what hears of every system call, where the plan has it sent. */
  listened: ((listener: Descriptor) => void) | undefined;
  constructor(
    /** Its number here, on the host. */
    readonly pid: number,
    readonly walk: Walk,
    readonly status: Descriptor | null,
    readonly lifeline: Descriptor,
    readonly handover: Handover,
    /** What the child is to read; null where there is none. */
    readonly file: Descriptor | null,
    /** Whether its runtime may start already. */
    private begun = false,
  ) {}

  /** What it tells, until it ends; with init absent, until the command starts. */
  async *news(): AsyncGenerator<Message> {
    while (this.status) {
      const message = await receive(this.status.fd);
      if (!message) return;
      const { byte, descriptor } = message;
      if (byte === NEWS.listener && descriptor) this.listened?.(descriptor);
      else yield message;
    }
  }

  /**
   * Where it is held: whether it came to where it waits to be started.
   *
   * @param takeTerminal takes the master side of its terminal, and closes it
   * @param hooks what is to be done before its root changes, where it waits for that
   */
  async isReady(
    takeTerminal: (master: Descriptor) => void,
    hooks: () => Promise<void> = async () => {},
  ): Promise<boolean> {
    for await (const { byte, descriptor } of this.news()) {
      if (byte === NEWS.running) return true;
      if (byte === NEWS.hooks) {
        await hooks();
        this.#go();
      }
      if (byte !== NEWS.terminal || !descriptor) continue;
      takeTerminal(descriptor);
    }
    return false;
  }

  /**
   * Where a program of ours will be PID 1, its runtime may start: that takes
   * longest, and needs nothing yet.
   */
  begin(): void {
    if (!this.file || this.begun) return;
    this.begun = true;
    this.#go();
  }

  /**
   * It may go on: the host's part is done. What the child is to do is compiled
   * now, while its runtime starts.
   */
  release(): void {
    this.begin();
    if (this.file) packHandover(this.file, this.handover);
    this.#go();
  }

  #go(): void {
    try {
      writeAll(this.lifeline.fd, new Uint8Array(1));
    } catch (error) {
      // It has ended already: the walk knows at which step.
      if (!(error instanceof SyscallError) || error.code !== "EPIPE") {
        throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    this.status?.close();
    this.lifeline.close();
    this.file?.close();
    this.walk[Symbol.dispose]();
  }
}

/** The steps that the walker takes on: all of them where no program of ours stays inside. */
export function walkedSteps(plan: Plan): Plan["launch"] {
  return plan.init
    ? plan.launch
    : [...plan.launch, ...plan.container, ...plan.process];
}

/** What is known of a start before it, beside the plan. */
export interface StartOptions {
  /** What its standard streams are, where they are not ours. */
  streams?: Record<number, Descriptor>;
  /** Somebody reads its {@linkcode Container.news}. */
  news?: boolean;
  /**
   * The host has nothing to do for it: it goes on without being released. Where
   * its start fails half-way, the check of its lifeline ends it.
   */
  released?: boolean;
  /** What the walked steps have been compiled to. */
  program?: Program;
  /** Who starts it, and is its parent, in our place. */
  keeper?: Keeper;
}

/**
 * Starts PID 1 in its namespaces; it waits there until it is released.
 *
 * @throws the error of the step that failed
 */
export function startContainer(
  handover: Handover,
  options: StartOptions = {},
): Container {
  const { streams = {}, news = true, released = false, program, keeper } =
    options;
  if (!Object.keys(options).length) {
    const ready = takePrelaunched(handover);
    if (ready) {
      const { pid, walk, status, lifeline, file } = ready;
      return new Container(pid, walk, status, lifeline, handover, file, true);
    }
  }
  using undo = new DisposableStack();
  const file = handover.plan.init
    ? undo.use(moveUp(emptyMemoryFile("handover")))
    : null;
  using self = handover.plan.init
    ? moveUp(open("/proc/self/exe", O.O_PATH))
    : null;
  const lifeline = pipe();
  undo.use(lifeline.write);
  using held = moveUp(lifeline.read);
  using preserved = new DisposableStack();
  const fds: Record<number, Descriptor> = {
    ...streams,
    ...handover.mounts,
    [DESCRIPTOR.lifeline]: held,
  };
  let status: Descriptor | null = null;
  if (news) {
    const [ours, theirs] = socketPair();
    status = undo.use(ours);
    fds[DESCRIPTOR.status] = preserved.use(moveUp(theirs));
  }
  if (file) fds[DESCRIPTOR.plan] = file;
  if (self) fds[DESCRIPTOR.self] = self;
  for (let index = 0; index < handover.preserve; index++) {
    fds[DESCRIPTOR.preserved + index] = preserved.use(duplicateUp(3 + index));
  }
  if (released) writeAll(lifeline.write.fd, new Uint8Array(1));
  const steps = () => walkedSteps(handover.plan);
  const compiled = program ?? compileSteps(steps());
  const by = keeper?.prepare(compiled);
  const walking = undo.use(
    walk(compiled, steps, {
      fds: { ...fds, ...by?.fds },
      again: handover.plan.launch.some(({ step }) => step === "executeWalker"),
      by,
    }),
  );
  const pid = keeper ? keeper.clonedPid(walking) : clonedPid(walking);
  undo.move();
  return new Container(pid, walking, status, lifeline.write, handover, file);
}
