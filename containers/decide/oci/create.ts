/**
 * The road from a config.json to a Spec for this machine, and to the facts that
 * its plan depends on. Only reads and decides; changes nothing. Runs on the
 * host, in the command that creates the container.
 */

import type { CgroupPlan } from "../../../cgroup/step.ts";
import type { Facts } from "../../../plan/facts.ts";
import { DEFAULT_UMASK } from "../../../spec/defaults.ts";
import type { Mount, Spec } from "../../../spec/types.ts";
import { readFacts } from "../facts.ts";
import { needsHelper } from "../id_ranges.ts";
import { mappedMounts } from "../idmaps.ts";
import type { Requester } from "../requester.ts";
import { specFilter } from "../seccomp.ts";
import { plainLines, takenSettings } from "../terminal.ts";
import { missingDevices } from "./bound_devices.ts";
import { type CgroupManager, planCgroupOf } from "./cgroup.ts";
import { homeInBundle, lacksHome } from "./home.ts";
import { labelledMounts } from "./mount_label.ts";
import { NOTIFY_VARIABLE, notifyDirectory, notifyMount } from "./notify.ts";
import { ownSteps } from "./own_steps.ts";
import { settledMounts } from "./settle_tmpfs.ts";

/** The container that a configuration describes. */
export interface CreateRequest {
  id: string;
  /** The configuration, as readBundle() returns it. It is not changed. */
  config: Spec;
  /** How many descriptors, from 3 upwards, the command keeps. */
  preserveFds?: number;
  /** Variables in addition to those of the configuration. */
  env?: readonly string[];
  /** The container's own directory. */
  directory: string;
  /** It gets a socket for sd_notify(3). */
  notifies?: boolean;
  pidFile?: string;
  /** Whether a socket takes the master side of its terminal. */
  sendsTerminal: boolean;
  noPivot?: boolean;
  /** The session keyring stays the caller's, keyrings(7). */
  keepKeyring?: boolean;
  /** What creates the container's cgroup. */
  cgroups: CgroupManager;
}

/** Everything that is decided before anything is done, without the plan. */
export interface DecidedCreate {
  spec: Spec;
  facts: Facts;
  cgroup: CgroupPlan | null;
  /** What the container cannot have, one sentence each. */
  leftOut: string[];
}

/**
 * Decides everything; changes nothing.
 *
 * @throws {SpecError} for what this machine or the caller cannot do,
 * {ContainerError} if the cgroup cannot be created
 */
export async function decideCreate(
  request: CreateRequest,
  requester: Requester,
): Promise<DecidedCreate> {
  const { caller, world } = requester;
  const { directory, notifies } = request;
  const notify = notifies ? notifyDirectory(directory) : undefined;
  const spec = specOf({ ...request, notify }, requester);
  const cgroup = await planCgroupOf({ ...request, spec }, requester);
  const facts = readFacts(spec, {
    init: false,
    waits: true,
    outlives: true,
    joins: false,
    ...(lacksHome(spec.process.env) ? { home: homeInBundle(spec, world) } : {}),
    // An engine may be pinned to processors for its own reasons.
    anyCpu: true,
    // Engines leave this to the runtime, and Kubernetes' workingDir depends on
    // it.
    makesDirectory: true,
    nodesInRoot: true,
    chroot: request.noPivot ?? false,
    rootKind: "directory",
    image: null,
    terminalStreams: [0, 1, 2],
    ...plainLines(request, world),
    ...takenSettings(spec.process, request, world),
    keepKeyring: request.keepKeyring,
    mapHelper: needsHelper(spec, caller),
    // The streams belong to the caller. If one is the host's null device it is
    // replaced by the container's own.
    ownsPipes: true,
    inheritFiles: true,
    confineDevices: false,
    overlay: null,
    seccomp: await specFilter(spec, world),
    cgroup,
    record: { directory },
    hostSteps: await ownSteps({ ...request, spec, notify }, world),
  }, requester);
  return { spec, facts, cgroup, leftOut: missingDevices(spec, world) };
}

/** The configuration, adapted to this machine. */
function specOf(
  { config, preserveFds = 0, env = [], notify }: CreateRequest & {
    notify?: string;
  },
  requester: Requester,
): Spec {
  const { process, ...rest } = config;
  const steps: ((spec: Spec) => Mount[])[] = [
    (spec) => labelledMounts(spec, requester.world),
    (spec) => settledMounts(spec, requester.world),
    (spec) => mappedMounts(spec, requester),
    ({ mounts = [] }) =>
      notify === undefined ? mounts : [...mounts, notifyMount(notify)],
  ];
  return {
    ...rest,
    process: {
      ...process,
      env: [
        ...process.env,
        ...env,
        ...(notify === undefined ? [] : [NOTIFY_VARIABLE]),
      ],
      user: { umask: DEFAULT_UMASK, ...process.user },
      preserve: preserveFds,
    },
    mounts: steps.reduce(
      (mounts, step) => step({ ...config, mounts }),
      config.mounts ?? [],
    ),
  };
}
