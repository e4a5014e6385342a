/**
 * Starts PID 1 of a new container and holds it until it may continue. Runs on
 * the host, in the parent of PID 1.
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
import { type ChildPrograms, packHandover } from "./pack_handover.ts";
import { explainFailure } from "./native_failure.ts";
import { compileSteps, type Program } from "./program.ts";
import { clonedPid, type Walk, walk } from "./walker.ts";

/** PID 1 of a container, as its parent sees it. */
export class Container implements Disposable {
  /** Receives the seccomp listener, if the plan has it sent to the parent. */
  listened: ((listener: Descriptor) => void) | undefined;
  /** Why a native PID 1 could not go on. */
  #failure: Error | undefined;
  /** What PID 1 was given to carry out. */
  #programs: ChildPrograms | undefined;
  #begun = false;
  constructor(
    /** Its pid on the host. */
    readonly pid: number,
    readonly walk: Walk,
    readonly status: Descriptor | null,
    readonly lifeline: Descriptor,
    readonly handover: Handover,
    /** The file that the child reads; null if our executable is not PID 1. */
    readonly file: Descriptor | null,
  ) {}

  /**
   * The messages of PID 1 until it ends, or, without init, until the command
   * starts.
   */
  async *news(): AsyncGenerator<Message> {
    while (this.status) {
      const message = await receive(this.status.fd);
      if (!message) return;
      const { byte, descriptor } = message;
      if (byte === NEWS.listener && descriptor) this.listened?.(descriptor);
      else if (byte === NEWS.failed && this.#programs) {
        this.#failure = explainFailure(message.bytes, this.status, {
          plan: this.handover.plan,
          programs: this.#programs,
        });
      } else yield message;
    }
  }

  /**
   * For a container that waits to be started: returns whether it got that far.
   *
   * @param takeTerminal takes the master side of the container's terminal, and
   * closes it
   * @param hooks runs the hooks that PID 1 waits for before its root changes
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
   * Lets PID 1 execute our program, if that is PID 1. From source it starts
   * Deno, which takes longest and needs nothing from the parent.
   */
  begin(): void {
    if (!this.file || this.#begun) return;
    this.#begun = true;
    this.#go();
  }

  /**
   * Lets PID 1 continue: the host phase is done. The child's programs are
   * compiled here, while PID 1 starts.
   */
  release(): void {
    this.begin();
    if (this.file) this.#programs = packHandover(this.file, this.handover);
    this.#go();
  }

  /**
   * Checks, after the end of PID 1, that PID 1 has not reported a failure. From
   * source, PID 1 prints its error itself.
   *
   * @throws the error that explains why
   */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  #go(): void {
    try {
      writeAll(this.lifeline.fd, new Uint8Array(1));
    } catch (error) {
      // PID 1 has ended already; the walk tells at which step.
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

/**
 * The steps that the walker carries out: all of them if the command itself
 * becomes PID 1.
 */
export function walkedSteps(plan: Plan): Plan["launch"] {
  return plan.init
    ? plan.launch
    : [...plan.launch, ...plan.container, ...plan.process];
}

/** Options of a start, in addition to the handover. */
export interface StartOptions {
  /** Standard streams that replace ours. */
  streams?: Record<number, Descriptor>;
  /** Whether somebody reads {@linkcode Container.news}. */
  news?: boolean;
  /**
   * The host phase has no steps, so PID 1 continues without being released. If
   * the start fails half-way, PID 1 sees it when it checks its lifeline.
   */
  released?: boolean;
  /** The compiled walked steps, if they are compiled already. */
  program?: Program;
  /** A keeper that starts the container, and is its parent, in our place. */
  keeper?: Keeper;
}

/**
 * Starts PID 1 in its namespaces, where it waits until it is released.
 *
 * @throws the error of the step that failed
 */
export function startContainer(
  handover: Handover,
  options: StartOptions = {},
): Container {
  const { streams = {}, news = true, released = false, program, keeper } =
    options;
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
