/**
 * Runs one container from its options to its end. Runs on the host, in the
 * process the user started; that process is the container's parent.
 */

import { announce } from "../../launch/announce.ts";
import { HostPhase, type Ledger } from "../../launch/host/host_phase.ts";
import { EndedEarly } from "../../launch/attend/early_end.ts";
import { runParent } from "../../launch/attend/parent.ts";
import type { View } from "../../launch/diagnose.ts";
import { compile } from "../../plan/compile.ts";
import type { Plan } from "../../plan/step.ts";
import { ContainerError, EXIT } from "../../spec/errors.ts";
import { type Requester, requesterIn } from "../decide/requester.ts";
import { EMPTY_ROOTFS } from "../decide/root_filesystem.ts";
import { type Decided, decideRun, type RunRequest } from "../decide/run.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import { ledgerFor, sweepLeftovers } from "./leftovers.ts";
import { mountpointsOf } from "./mountpoints.ts";
import type { StatusEvent } from "./status_lines.ts";

/** Options of `run` that do not describe the container. */
export interface RunOptions {
  /** Print `running […] as PID`, in the parent and in the child. */
  announce: boolean;
  /** Print stack traces. */
  debug: boolean;
  /** Takes messages of this program, as opposed to the command's output. */
  say: (line: string) => void;
  /** Receives the events of the container. */
  events?: (event: StatusEvent) => void;
  /** Called when the command runs. */
  running?: () => void;
  /** Where the undos of its host steps are recorded, if not in a file of its own. */
  ledger?: Ledger;
}

/** {@linkcode Decided} with the plan. */
export interface Prepared extends Decided {
  plan: Plan;
}

/**
 * Decides everything and makes the plan; changes nothing.
 *
 * @param request.id by default a new one
 * @throws {UsageError} or {SpecError} for options that are invalid or cannot be
 * met
 */
export async function prepare(
  request: Omit<RunRequest, "id"> & { id?: string },
  requester: Requester = requesterIn(THIS_MACHINE),
): Promise<Prepared> {
  const decided = await decideRun({ id: containerId(), ...request }, requester);
  return { ...decided, plan: compile(decided.spec, decided.facts) };
}

/**
 * Runs a container and waits for its end.
 *
 * @returns the status of the command; 128+n if signal n killed it
 * @throws {ContainerError} if the container cannot be set up or the command
 * cannot be executed
 */
export async function run(
  { spec, facts, plan, cgroup, learn, leftOut }: Prepared,
  options: RunOptions,
): Promise<number> {
  const { args, preserve = 0 } = spec.process;
  await sweepLeftovers();
  if (options.announce) {
    announce(args, Deno.pid);
    for (const line of leftOut) options.say(`container: ${line}`);
  }
  using host = new HostPhase(
    plan.host,
    options.ledger ?? await ledgerFor(plan),
  );
  await host.prepare();
  using held = new DisposableStack();
  using learner = learn &&
    new (await import("./learn.ts")).Learner(learn, options.say);
  const told = options.events ?? (() => {});
  const mountpoints = options.announce ? mountpointsOf(spec, facts) : null;
  const sayMade = () => {
    for (const path of mountpoints?.made() ?? []) {
      options.say(
        `container: created ${path} in the root filesystem for a mount`,
      );
    }
  };
  let started = false;
  const status = await runParent(
    {
      plan,
      debug: options.debug,
      preserve,
      foreground: facts.foreground,
      mounts: host.mounts,
      terminal: spec.process.terminal ?? false,
    },
    host,
    {
      listened: learner?.listened,
      root: rootKeeper(plan)
        ? () => layersOnHost(plan, held)
        : rootOnHost(spec.root.path, plan, host),
      started(pid) {
        started = true;
        told({ event: "started", pid });
      },
      setUp: sayMade,
      running: options.running,
    },
  ).catch((error) => {
    if (started) told({ event: "exited", status: statusOf(error) });
    // After EndedEarly the file system may not respond, so it is not checked
    // again.
    if (!(error instanceof EndedEarly)) sayMade();
    throw error;
  });
  // A container with a record is still there, and can be started again.
  if (options.ledger || !mayHaveFailed(status)) host.started();
  sayMade();
  await learner?.finish(status);
  told({ event: "exited", status });
  if (cgroup) {
    const { Cgroup, stateOf } = await import("../../cgroup/mod.ts");
    const oom = new Cgroup(stateOf(cgroup)).oomMessage();
    if (oom) options.say(`container: ${oom}`);
  }
  return status;
}

/**
/**
 * Whether PID 1 may have ended with this status because of an error. If it was
 * the command's own, the difference is that empty directories are removed.
 */
const mayHaveFailed = (status: number) =>
  status === EXIT.failure || status === EXIT.notExecutable ||
  status === EXIT.notFound;

/** The status that this program ends with after an error. */
const statusOf = (error: unknown) =>
  error instanceof ContainerError ? error.status : EXIT.failure;

/** The root directory in which to find out why a command cannot be executed. */
export function rootOnHost(
  path: string,
  { host }: Plan,
  { mounts }: Pick<HostPhase, "mounts">,
): string {
  if (path === EMPTY_ROOTFS) return "/";
  const image = host.find((step) => step.step === "mountImage");
  const mount = image && mounts[image.descriptor];
  return mount ? `/proc/self/fd/${mount.fd}` : path;
}

/**
 * {@linkcode rootOnHost}, or a view of the layers of an image.
 *
 * @param held closes what the view opens
 */
export async function viewOnHost(
  path: string,
  plan: Plan,
  host: Pick<HostPhase, "mounts">,
  held: DisposableStack,
): Promise<string | View> {
  return rootKeeper(plan)
    ? await layersOnHost(plan, held)
    : rootOnHost(path, plan, host);
}

/** The step that keeps the changes of a container of an image. */
const rootKeeper = ({ host }: Plan) =>
  host.find((step) => step.step === "keepChanges");

async function layersOnHost(plan: Plan, held: DisposableStack): Promise<View> {
  const { directory, layers } = rootKeeper(plan)!;
  const { viewOfLayers } = await import("./layers_view.ts");
  return viewOfLayers([`${directory}/upper`, ...layers], held);
}

/**
 * A random id of hexadecimal digits: twelve, like docker's short ids, or two
 * for each of `count` bytes.
 */
export function containerId(count = 6): string {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
