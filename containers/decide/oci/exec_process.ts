/**
 * The process that `exec` runs: the process of the container's configuration
 * with changes, or a complete description by the user. Only reads and decides;
 * changes nothing. Runs on the host, in the exec command.
 */

import { capabilitySets } from "../../../plan/process/capabilities.ts";
import { SpecError, UsageError } from "../../../spec/errors.ts";
import { MAX_ID, parseId } from "../../../spec/ids.ts";
import { CAPABILITIES } from "../../../spec/names.ts";
import type { Capabilities, Process, Spec } from "../../../spec/types.ts";
import type { AccountFiles, World } from "../../world/world.ts";
import { environment } from "../environment.ts";
import type { ContainerOptions } from "../options.ts";
import {
  idsOf,
  lookUpUser,
  parseGroup,
  parsePasswd,
  type ResolvedUser,
  resolveUser,
} from "../users.ts";

/** The options of `exec` that describe the process. */
export interface ExecProcessOptions {
  args: readonly string[];
  terminal: boolean;
  /** The process has a terminal: its own, or that of the caller. */
  atTerminal: boolean;
  cwd?: string;
  /** `K=V` strings. */
  env: readonly string[];
  /** `UID[:GID]`, or a name of the container's own accounts. */
  user?: string;
  additionalGids: readonly number[];
  /** `CAP_…` names. */
  capabilities: readonly string[];
  noNewPrivileges?: boolean;
  apparmorProfile?: string;
  selinuxLabel?: string;
}

/**
 * The capability sets that `--cap` adds to. The inheritable set stays as it is.
 */
const RAISED = ["bounding", "effective", "permitted", "ambient"] as const;

/** What decides about a process besides the options of `exec`. */
export interface Surroundings {
  /** The container's own account files. */
  accounts: () => AccountFiles;
  /**
   * The options of a container that `run` made. The user and environment of the
   * process are then those that `run` would give it.
   */
  made?: ContainerOptions;
  world: World;
}

/**
 * The process of a container's configuration, changed by the options of `exec`.
 */
export function adjustProcess(
  { process }: Spec,
  asked: ExecProcessOptions,
  { accounts, made, world }: Surroundings,
): Process {
  const { consoleSize: _, ...base } = process;
  const user = made && userAsRun(asked, accounts, made);
  return {
    ...base,
    args: [...asked.args],
    terminal: asked.terminal,
    cwd: asked.cwd ?? process.cwd,
    env: [
      ...made
        ? environmentAsRun(process, asked, { made, world, home: user?.home })
        : process.env,
      ...asked.env,
    ],
    user: user
      ? { ...process.user, ...idsOf(user) }
      : userOf(process, asked, accounts),
    capabilities: raise(
      // As with `run`: root has all capabilities of the container, other users
      // none.
      user
        ? capabilitySets(process.capabilities?.bounding ?? [], user.uid)
        : process.capabilities,
      asked.capabilities,
    ),
    ...defined({
      noNewPrivileges: asked.noNewPrivileges,
      apparmorProfile: asked.apparmorProfile,
      selinuxLabel: asked.selinuxLabel,
    }),
  };
}

/**
 * Completes a process that the user described (`--process FILE`). Members about
 * its confinement that are missing are taken from the container's own process,
 * so that leaving one out never gives more rights.
 */
export function completeProcess({ process }: Spec, given: Process): Process {
  return {
    ...defined({
      capabilities: process.capabilities,
      rlimits: process.rlimits,
      noNewPrivileges: process.noNewPrivileges,
      apparmorProfile: process.apparmorProfile,
      selinuxLabel: process.selinuxLabel,
      oomScoreAdj: process.oomScoreAdj,
    }),
    ...given,
    user: { ...defined({ umask: process.user.umask }), ...given.user },
  };
}

/** Null if the process keeps the user of the container's configuration. */
function userAsRun(
  { user: wanted, additionalGids }: ExecProcessOptions,
  accounts: () => AccountFiles,
  { groups = [] }: ContainerOptions,
): ResolvedUser | null {
  if (wanted === undefined) return null;
  const groupAdd = [...groups, ...additionalGids.map(String)];
  return lookUpUser({ user: wanted, groupAdd }, accounts);
}

/**
 * With `hostEnv`, the environment is that of the time when the container was
 * made.
 */
function environmentAsRun(
  { env }: Process,
  { atTerminal }: ExecProcessOptions,
  { made, world, home = valueOf("HOME", env) ?? "/" }: {
    made: ContainerOptions;
    world: World;
    home?: string;
  },
): readonly string[] {
  return made.hostEnv ? env : environment(made, { home }, atTerminal, world);
}

const valueOf = (name: string, env: readonly string[]) =>
  env.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);

function userOf(
  { user }: Process,
  { user: wanted, additionalGids }: ExecProcessOptions,
  accounts: () => AccountFiles,
): Process["user"] {
  const groups = [...user.additionalGids ?? [], ...additionalGids];
  const further = {
    ...user,
    ...(groups.length ? { additionalGids: groups } : {}),
  };
  if (wanted === undefined) return further;
  // Numbers are used without a lookup, as with runc.
  const [, uid, gid] = wanted.match(/^(\d+)(?::(\d+))?$/) ?? [];
  if (uid !== undefined) {
    return {
      ...further,
      uid: idIn(uid),
      gid: gid === undefined ? user.gid : idIn(gid),
    };
  }
  const { passwd, group } = accounts();
  const named = resolveUser(
    { user: wanted, groupAdd: additionalGids.map(String) },
    parsePasswd(passwd),
    parseGroup(group),
  );
  return {
    ...user,
    uid: named.uid,
    gid: named.gid,
    additionalGids: named.groups,
  };
}

function idIn(text: string): number {
  const id = parseId(text);
  if (id !== null) return id;
  throw new SpecError(`Cannot use the ID ${text}: it is too large`, {
    hint: `The highest ID is ${MAX_ID}.`,
  });
}

function raise(
  sets: Capabilities | undefined,
  names: readonly string[],
): Capabilities | undefined {
  if (!names.length) return sets;
  const full = names.map(capabilityName);
  const raised: Capabilities = { ...sets };
  for (const set of RAISED) {
    raised[set] = [...new Set([...raised[set] ?? [], ...full])];
  }
  return raised;
}

function capabilityName(name: string): string {
  const full = name.toUpperCase().replace(/^(?!CAP_)/, "CAP_");
  if (CAPABILITIES.some((capability) => capability === full)) return full;
  throw new UsageError(
    `Unknown capability ${name}`,
    "See capabilities(7) for the names.",
  );
}

/** Removes undefined members, which would override others in a spread. */
function defined<T extends object>(members: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
