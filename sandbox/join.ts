/**
 * Starts commands in a living sandbox: one walk joins its namespaces and its
 * cgroup, gives up every right, installs the filter and executes the command,
 * with the same last steps as the first process of a container. Runs on the
 * host, in the program's process.
 */

import type { Descriptor } from "../ffi/fcntl.ts";
import { O, open } from "../ffi/fcntl.ts";
import { waitForEnd } from "../ffi/pidfd.ts";
import { kill, SIGNAL } from "../ffi/signal.ts";
import { wait, type WaitStatus } from "../ffi/wait.ts";
import {
  type Container,
  startContainer,
  walkedSteps,
} from "../launch/container.ts";
import { checkStarted, outside } from "../launch/diagnose.ts";
import { HostPhase } from "../launch/host/host_phase.ts";
import { DESCRIPTOR } from "../launch/lower/descriptors.ts";
import { compileSteps, type Program } from "../launch/program.ts";
import { StepError } from "../launch/step_error.ts";
import { StreamRelay } from "../launch/attend/stream_relay.ts";
import { compileExec, type Joined } from "../plan/exec.ts";
import type { ProcessFacts } from "../plan/facts.ts";
import { capabilitySets } from "../plan/process/capabilities.ts";
import type { Plan } from "../plan/step.ts";
import { exactText } from "../spec/exact_json.ts";
import type { Spec } from "../spec/types.ts";
import { type DecidedExec, decideExec } from "../containers/decide/oci/exec.ts";
import { requesterIn } from "../containers/decide/requester.ts";
import type { Stdio } from "../containers/decide/streams.ts";
import { Pipes } from "../containers/run/pipes.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { ConnectionClosedError } from "./errors.ts";
import type { Space } from "./space.ts";
import { untilSet } from "./until_set.ts";

/** A command that is to join. */
export interface JoinRequest {
  args: readonly string[];
  cwd: string;
  /** `K=V` strings. */
  env: readonly string[];
  /** As root of the sandbox, with the capabilities of a container. */
  sudo: boolean;
  stdin: Stdio;
  stdout: Stdio;
  stderr: Stdio;
}

/** A process that has joined. */
export interface JoinedProcess {
  pid: number;
  pipes: Pipes;
  /** How it ended; resolves after its output has been copied. */
  ended: Promise<WaitStatus | null>;
}

interface Compiled {
  plan: Plan;
  program: Program;
}

/** How many compiled plans are kept in this process, about 50 KiB each. */
const LIMIT = 16;
/** The most recently used entry is the last one. */
const kept = new Map<string, Compiled>();

/** Starts commands in one sandbox. */
export class Joiner {
  readonly #space: Space;
  /** What is decided about every process without streams. */
  #decided: Promise<DecidedExec> | undefined;

  constructor(space: Space) {
    this.#space = space;
  }

  /**
   * Starts a command. Resolves when it has been executed.
   *
   * @throws {CommandError} if it cannot be executed, {StepError} for a step that
   * failed, {ConnectionClosedError} if the sandbox has ended
   */
  async start(request: JoinRequest): Promise<JoinedProcess> {
    const space = this.#space;
    try {
      const decided = await this.#decide(request);
      if (!space.isAlive) throw ended();
      return await begin(space, compileOnce(decided, request), request);
    } catch (error) {
      throw space.isAlive && !isGone(error) ? error : ended(error);
    }
  }

  async #decide(
    { sudo, stdin, stdout, stderr }: JoinRequest,
  ): Promise<DecidedExec> {
    const streams = [stdin, stdout, stderr];
    // What the program's own streams are may change while it runs.
    if (streams.includes("inherit")) {
      return this.#withRights(await decideJoin(this.#space, streams), sudo);
    }
    const { facts, ...decided } = await this.decided();
    const those = (kind: Stdio) =>
      streams.flatMap((stream, fd) => stream === kind ? [fd] : []);
    const own = { nullStreams: those("null"), ownStreams: those("piped") };
    return this.#withRights({ ...decided, facts: { ...facts, ...own } }, sudo);
  }

  /** With sudo, a process of the sandbox's root and its capabilities. */
  #withRights(decided: DecidedExec, sudo: boolean): DecidedExec {
    if (!sudo) return decided;
    const { bounding = [] } = this.#space.spec.process.capabilities ?? {};
    const { process } = decided.spec;
    return {
      ...decided,
      spec: {
        ...decided.spec,
        process: {
          ...process,
          user: { ...process.user, uid: 0, gid: 0, additionalGids: [] },
          capabilities: capabilitySets([...bounding], 0),
        },
      },
    };
  }

  /** What is decided once, for a process without streams. */
  decided(): Promise<DecidedExec> {
    return this.#decided ??= decideJoin(this.#space, ["null", "null", "null"]);
  }
}

/** Decides how a process without rights joins; changes nothing. */
async function decideJoin(
  { pid, spec, made, cgroup }: Space,
  streams: readonly Stdio[],
): Promise<DecidedExec> {
  const decided = await decideExec(
    {
      process: ({ process }) => ({ ...process, capabilities: {} }),
      detach: false,
      sendsTerminal: false,
      takesSize: false,
      preserveFds: 0,
      cgroups: [],
    },
    {
      pid,
      place: `/proc/${pid}`,
      config: spec,
      made,
      cgroup: cgroup?.state ?? null,
      chroot: false,
    },
    requesterIn(THIS_MACHINE, streams),
  );
  return { ...decided, facts: { ...decided.facts, reports: true } };
}

/** The compiled plan of a command: the kept one of an equal command. */
function compileOnce(
  { spec, facts, joined }: DecidedExec,
  { args, cwd, env }: JoinRequest,
): Compiled {
  const asked: Spec = {
    ...spec,
    process: { ...spec.process, args: [...args], cwd, env: [...env] },
  };
  const key = keyOf(asked, facts, joined);
  const compiled = kept.get(key) ?? compile(asked, facts, joined);
  kept.delete(key);
  kept.set(key, compiled);
  if (kept.size > LIMIT) kept.delete(kept.keys().next().value!);
  return compiled;
}

/** Everything that the compiled steps depend on: not the PID, which is passed as a descriptor. */
const keyOf = (
  { process, linux: { personality } }: Spec,
  facts: ProcessFacts,
  { namespaces, root }: Joined,
): string => exactText([process, personality, facts, namespaces, root]);

function compile(spec: Spec, facts: ProcessFacts, joined: Joined): Compiled {
  const plan = compileExec(spec, facts, joined);
  return { plan, program: compileSteps(walkedSteps(plan)) };
}

async function begin(
  space: Space,
  { plan, program }: Compiled,
  tied: JoinRequest,
): Promise<JoinedProcess> {
  using undo = new DisposableStack();
  const host = undo.use(new HostPhase(plan.host, null));
  await host.prepare();
  const pipes = undo.use(new Pipes(tied));
  const relay = StreamRelay.of(host.takePipes());
  if (relay) undo.use(relay);
  const container = undo.use(startJoining(space.pidfd, { plan, program }, {
    ...pipes.theirs,
    ...relay?.theirs,
  }));
  pipes.closeTheirs();
  relay?.begin();
  let ended: Promise<WaitStatus | null> | undefined;
  try {
    ended = waitForEnd(container.pid);
    await untilSet(container);
    if (container.walk.outcome().failure) {
      await ended;
      explain(space, container);
    }
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    if (ended) await ended;
    else wait(container.pid);
    throw error;
  }
  undo.move();
  return {
    pid: container.pid,
    pipes,
    ended: ended.then(async (status) => {
      using _host = host;
      using _relay = relay;
      using _container = container;
      const lost = await relay?.finish(0);
      if (lost) throw lost;
      return status;
    }),
  };
}

/** Starts the walk of a process that joins. */
export function startJoining(
  process: Descriptor,
  { plan, program }: Compiled,
  streams: Record<number, Descriptor>,
): Container {
  return startContainer({
    plan,
    debug: false,
    preserve: 0,
    foreground: false,
    mounts: {},
    terminal: false,
  }, {
    streams: { [DESCRIPTOR.process]: process, ...streams },
    released: true,
    program,
  });
}

/** @throws the error of the step that failed, in the words of a user */
function explain({ pid }: Space, { walk }: Container): void {
  using held = new DisposableStack();
  const root = held.use(open(`/proc/${pid}/root`, O.O_PATH | O.O_DIRECTORY));
  checkStarted(walk, outside(root, held));
}

/** Whether a process could not join because the sandbox has ended. */
const isGone = (error: unknown): boolean =>
  error instanceof StepError && error.code === "ESRCH" &&
  error.step.step === "joinProcess";

const ended = (cause?: unknown) =>
  cause instanceof ConnectionClosedError
    ? cause
    : new ConnectionClosedError("start a command", "the sandbox has ended");
