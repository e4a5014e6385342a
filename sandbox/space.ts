/**
 * The namespaces of a living sandbox: a container whose first process does
 * nothing but hold them open, so that commands can join. Runs on the host, in
 * the program's process. Nothing that shares the program's memory enters them.
 */

import type { Cgroup, CgroupState } from "../cgroup/mod.ts";
import { type Descriptor, moveUp } from "../ffi/fcntl.ts";
import { openPidfd, waitForEnd } from "../ffi/pidfd.ts";
import { kill, SIGNAL } from "../ffi/signal.ts";
import { wait, type WaitStatus } from "../ffi/wait.ts";
import { type Container, startContainer } from "../launch/container.ts";
import { HostPhase } from "../launch/host/host_phase.ts";
import { WITH_PROCESS } from "../plan/host_kinds.ts";
import { hasNamespace } from "../plan/namespaces.ts";
import { SpecError } from "../spec/errors.ts";
import type { Spec } from "../spec/types.ts";
import type { ContainerOptions } from "../containers/decide/options.ts";
import { requesterIn } from "../containers/decide/requester.ts";
import { type Decided, decideRun } from "../containers/decide/run.ts";
import { type Compiled, compileOnce } from "../containers/run/kept_programs.ts";
import { ledgerFor, sweepLeftoversOnce } from "../containers/run/leftovers.ts";
import type { LibraryOptions } from "../containers/run/library_options.ts";
import { checkSteps, wantedBy } from "../containers/run/library_start.ts";
import { containerId } from "../containers/run/run.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { untilSet } from "./until_set.ts";
import { Pipes } from "../containers/run/pipes.ts";

/** The first process has no command; this is the name in its configuration. */
const NO_COMMAND = "sandbox";

const STREAMS = { stdin: "null", stdout: "null", stderr: "null" } as const;

/** Decided, with the options that it was decided from. */
interface Wanted extends Decided {
  made: ContainerOptions;
}

/** The namespaces of a sandbox, held by its first process. */
export class Space {
  /** Resolves when the last process has ended and the host is as before. */
  readonly ended: Promise<void>;
  #alive = true;
  #ooms = 0;
  readonly #atEnd: (() => Promise<void>)[] = [];

  private constructor(
    readonly container: Container,
    /** A descriptor of the first process, for setns(2). */
    readonly pidfd: Descriptor,
    readonly spec: Spec,
    readonly made: ContainerOptions,
    readonly cgroup: { manager: Cgroup; state: CgroupState } | null,
    ended: Promise<WaitStatus | null>,
    host: HostPhase,
  ) {
    this.ended = ended.then(async () => {
      this.#alive = false;
      // They hold the mounts, so they end before the host is as before.
      await Promise.all(this.#atEnd.map((end) => end()));
      pidfd.close();
      container[Symbol.dispose]();
      host[Symbol.dispose]();
    });
    this.ended.catch(() => {});
  }

  /**
   * Makes the namespaces of a sandbox.
   *
   * @throws {ContainerError} for options that cannot be met, or a step that
   * failed
   */
  static async open(options: LibraryOptions): Promise<Space> {
    const wanted = await decide(options);
    const compiled = compileOnce(withoutRights(wanted.spec), wanted.facts);
    await sweepLeftoversOnce();
    using undo = new DisposableStack();
    const host = undo.use(
      new HostPhase(compiled.plan.host, await ledgerFor(compiled.plan)),
    );
    await host.prepare();
    options.signal?.throwIfAborted();
    const space = await launch(wanted, compiled, host);
    undo.move();
    return space;
  }

  /** @internal For {@linkcode Space.open} only. */
  static of(
    container: Container,
    { spec, made, cgroup }: Pick<Space, "spec" | "made" | "cgroup">,
    ended: Promise<WaitStatus | null>,
    host: HostPhase,
  ): Space {
    const pidfd = moveUp(openPidfd(container.pid));
    return new Space(container, pidfd, spec, made, cgroup, ended, host);
  }

  /** The first process's PID on the host. */
  get pid(): number {
    return this.container.pid;
  }

  /** Whether the first process is alive. */
  get isAlive(): boolean {
    return this.#alive;
  }

  /** Kills every process of the sandbox, pid_namespaces(7). */
  kill(): void {
    if (this.#alive) kill(this.pid, SIGNAL.SIGKILL);
  }

  /** Registers what is done when the first process has ended. */
  atEnd(end: () => Promise<void>): void {
    this.#atEnd.push(end);
  }

  /**
   * Whether the kernel has killed a process for lack of memory since the last
   * question.
   */
  ranOutOfMemory(): boolean {
    if (!this.#alive || !this.cgroup) return false;
    const { memory } = this.cgroup.manager.stats();
    const count = memory?.oomKills ?? 0;
    const more = count > this.#ooms;
    this.#ooms = count;
    return more;
  }
}

/** The first process needs no right; the commands of sudo have those of the Spec. */
const withoutRights = (spec: Spec): Spec => ({
  ...spec,
  process: { ...spec.process, capabilities: {} },
});

/** Decides about the container; changes nothing. */
async function decide(options: LibraryOptions): Promise<Wanted> {
  const requester = requesterIn(THIS_MACHINE, Object.values(STREAMS));
  const given = { ...options, command: [NO_COMMAND], entrypoint: [] };
  const wanted = await wantedBy(given, requester);
  const decided = await decideRun({ ...wanted, id: containerId() }, requester);
  if (decided.learn) {
    throw new SpecError("Cannot learn a seccomp profile in a sandbox", {
      hint: "Use container run --seccomp learn instead.",
    });
  }
  return {
    ...decided,
    made: wanted.options,
    facts: {
      ...decided.facts,
      serves: "idle",
      // Commands are to join it, also those of a user.
      closedToCaller: hasNamespace(decided.spec, "user") &&
        !requester.caller.traces,
    },
  };
}

async function launch(
  { spec, made, cgroup }: Wanted,
  { plan, program }: Compiled,
  host: HostPhase,
): Promise<Space> {
  using undo = new DisposableStack();
  using pipes = new Pipes(STREAMS);
  const waits = plan.host.some(({ step }) => WITH_PROCESS.has(step));
  const limits = cgroup && await limitsOf(cgroup);
  const container = undo.use(startContainer({
    plan,
    debug: false,
    preserve: 0,
    foreground: false,
    mounts: host.mounts,
    terminal: false,
  }, { streams: pipes.theirs, released: !waits, program }));
  pipes.closeTheirs();
  let ended: Promise<WaitStatus | null> | undefined;
  try {
    if (waits) {
      await host.attach(container.pid);
      container.release();
    }
    ended = waitForEnd(container.pid);
    await untilSet(container);
    if (container.walk.outcome().failure) await ended;
    await checkSteps(container, { root: spec.root.path, plan, host });
    host.started();
    const space = Space.of(
      container,
      { spec, made, cgroup: limits },
      ended,
      host,
    );
    undo.move();
    return space;
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    if (ended) await ended;
    else wait(container.pid);
    throw error;
  }
}

async function limitsOf(plan: NonNullable<Decided["cgroup"]>) {
  const { Cgroup, stateOf } = await import("../cgroup/mod.ts");
  const state = stateOf(plan);
  return { manager: new Cgroup(state), state };
}
