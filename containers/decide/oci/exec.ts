/**
 * The road from a running container and the options of `exec` to a Spec, and to
 * the facts that the plan of a joining process depends on. Only reads and
 * decides; changes nothing. Runs on the host, in the exec command.
 */

import { SyscallError } from "../../../ffi/errno.ts";
import type { CgroupState } from "../../../cgroup/mod.ts";
import type { Joined } from "../../../plan/exec.ts";
import type { ProcessFacts } from "../../../plan/facts.ts";
import { NAMESPACE_FILE } from "../../../plan/hooks.ts";
import { once } from "../../../plan/once.ts";
import { streamNames } from "../../../plan/process/streams.ts";
import { UsageError } from "../../../spec/errors.ts";
import type { NamespaceType, Process, Spec } from "../../../spec/types.ts";
import type { AccountFiles, World } from "../../world/world.ts";
import { readProcessFacts } from "../facts.ts";
import type { ContainerOptions } from "../options.ts";
import { orNull, type Requester } from "../requester.ts";
import { plainLines, takenSettings } from "../terminal.ts";
import { confinementOf } from "./confinement.ts";
import { DEFAULT_UMASK } from "../../../spec/defaults.ts";
import type { Surroundings } from "./exec_process.ts";
import { homeOf, lacksHome } from "./home.ts";
import { entryOf } from "./joined_cgroup.ts";
import { pidFileStep } from "./own_steps.ts";

/** The container that is joined. */
export interface Joinable {
  /** Its first process. */
  pid: number;
  /**
   * The /proc/PID directory of that process, by a path that never leads to
   * another process.
   */
  place: string;
  /** The configuration of the container. */
  config: Spec;
  /** The options of a container that `run` made. */
  made?: ContainerOptions;
  /** The cgroup that was made for it. */
  cgroup: CgroupState | null;
  /** Whether its root is a directory of its mount namespace. */
  chroot: boolean;
}

/** The process that is wanted. */
export interface ExecRequest {
  /** Makes the process from the container's configuration. */
  process: (config: Spec, surroundings: Surroundings) => Process;
  /** The process outlives this command. */
  detach: boolean;
  /** Whether a socket takes the master side of its terminal. */
  sendsTerminal: boolean;
  /** Whether its terminal gets the size of the requester's. */
  takesSize: boolean;
  /**
   * How streams that are files of the host reach the process. Default: relayed
   * for a container of `run`, passed for a container of an engine.
   */
  streams?: ContainerOptions["streams"];
  preserveFds: number;
  /** Cgroups below the container's, `[CONTROLLER:]PATH` each. */
  cgroups: readonly string[];
  /** Where its PID is written. */
  pidFile?: string;
}

/** Everything that is decided before anything is done, without the plan. */
export interface DecidedExec {
  spec: Spec;
  facts: ProcessFacts;
  joined: Joined;
}

/**
 * Decides everything; changes nothing.
 *
 * @throws {UsageError} for options that cannot be met, {ContainerError} for a
 * cgroup that does not exist, {SyscallError} if the container has ended or is
 * closed to the requester
 */
export async function decideExec(
  request: ExecRequest,
  container: Joinable,
  requester: Requester,
): Promise<DecidedExec> {
  const { world } = requester;
  const { pid, place, config, made, cgroup, chroot } = container;
  const accounts = once(() => readAccounts(place, world));
  const process = processOf(request, container, { accounts, made, world });
  const spec: Spec = { ...config, process };
  const namespaces = differingNamespaces(place, world);
  const userNamespace = namespaces.includes("user");
  const { resources } = config.linux;
  const sendsTerminal = request.sendsTerminal || request.detach;
  const facts = readProcessFacts(spec, {
    ...await confinementOf(spec, made, requester),
    init: false,
    waits: false,
    outlives: request.detach,
    joins: true,
    ...(lacksHome(process.env)
      ? { home: homeOf(accounts(), process.user.uid) }
      : {}),
    anyCpu: !made || resources?.cpu?.cpus !== undefined,
    terminalStreams: [0, 1, 2],
    ...(made ? {} : plainLines({ sendsTerminal }, world)),
    ...takenSettings(process, { sendsTerminal }, world),
    ownsPipes: true,
    inheritFiles: (request.streams ?? (made ? "relay" : "inherit")) ===
      "inherit",
    hostSteps: request.pidFile === undefined
      ? []
      : [pidFileStep(request.pidFile)],
  }, {
    userNamespace,
    deniesSetgroups: userNamespace &&
      world.readText(`${place}/setgroups`).trim() === "deny",
    cgroupEntry: entryOf(
      cgroup,
      request.cgroups,
      world.readText(`${place}/cgroup`),
      world,
    ),
  }, requester);
  if (request.detach) refuseRelayed(facts);
  return {
    spec,
    facts,
    joined: { pid, namespaces, root: chroot || !namespaces.includes("mount") },
  };
}

function processOf(
  { process, takesSize, preserveFds }: ExecRequest,
  { config }: Joinable,
  surroundings: Surroundings,
): Process {
  const { made, world } = surroundings;
  const { user, capabilities = {}, ...wanted } = process(config, surroundings);
  const size = wanted.terminal && takesSize ? world.terminalSize() : null;
  return {
    ...(size ? { consoleSize: size } : {}),
    ...wanted,
    user: { umask: made?.umask ?? DEFAULT_UMASK, ...user },
    // Missing capabilities mean none.
    capabilities,
    preserve: preserveFds,
  };
}

/**
 * The account files of a running container. Its processes control these files,
 * so only a small regular file is read; null for one that cannot be used.
 */
function readAccounts(place: string, world: World): AccountFiles {
  using root = world.openDirectory(`${place}/root`);
  return {
    passwd: orNull(() => root.readText("/etc/passwd")),
    group: orNull(() => root.readText("/etc/group")),
  };
}

/**
 * The namespaces of a process that the requester is not in. The others need not
 * be joined, and joining one's own user namespace is impossible.
 *
 * @param place its directory below /proc
 */
export function differingNamespaces(
  place: string,
  world: World,
): NamespaceType[] {
  const types = Object.keys(NAMESPACE_FILE) as NamespaceType[];
  return types.filter((type) => {
    const name = `ns/${NAMESPACE_FILE[type]}`;
    return linkAt(`${place}/${name}`, world) !==
      linkAt(`/proc/self/${name}`, world);
  });
}

/** The target of a link; null if the kernel has no such namespaces. */
function linkAt(path: string, world: World): string | null {
  try {
    return world.readLink(path);
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ENOENT") return null;
    throw error;
  }
}

/**
 * Refuses files among the streams: with `detach` no process stays to copy them.
 */
function refuseRelayed({ relayedStreams: [file] }: ProcessFacts): void {
  if (!file) return;
  throw new UsageError(
    `Cannot run the command in the background: its ${
      streamNames(file.descriptors)
    } is a file of the host, and no process would remain to copy its data`,
    "Redirect it inside the container (sh -c '… > /log'), use /dev/null, or pass the file with --streams inherit.",
  );
}
