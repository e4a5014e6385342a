/**
 * What runs in a container beside its first process: the process of its
 * configuration with what `exec` says otherwise, or one that comes whole. Pure.
 */

import { capabilitySets } from "../../../plan/process/capabilities.ts";
import { SpecError, UsageError } from "../../../spec/errors.ts";
import { MAX_ID, parseId } from "../../../spec/ids.ts";
import { CAPABILITIES } from "../../../spec/names.ts";
import type { Capabilities, Process, Spec } from "../../../spec/types.ts";
import { environment } from "../../decide/environment.ts";
import type { ContainerOptions } from "../../decide/options.ts";
import {
  type AccountFiles,
  idsOf,
  lookUpUser,
  parseGroup,
  parsePasswd,
  type ResolvedUser,
  resolveUser,
} from "../../decide/users.ts";
import { homeOf, withHome } from "./accounts.ts";

/** What `exec` says beside the command. */
export interface ExecProcessOptions {
  args: readonly string[];
  terminal: boolean;
  /** It has one, of its own or of whoever asks. */
  atTerminal: boolean;
  cwd?: string;
  /** `K=V`, each. */
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

/** The sets that `--cap` adds to; what is not inheritable stays so. */
const RAISED = ["bounding", "effective", "permitted", "ambient"] as const;

/**
 * The process of a container's configuration, changed by what `exec` says.
 *
 * @param made the options of one that `run` made: there its user and its
 * environment are what `run` would give it
 */
export function adjustProcess(
  { process }: Spec,
  asked: ExecProcessOptions,
  accounts: () => AccountFiles,
  made?: ContainerOptions,
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
        ? environmentAsRun(process, asked, made, user?.home)
        : process.env,
      ...asked.env,
    ],
    user: user
      ? { ...process.user, ...idsOf(user) }
      : userOf(process, asked, accounts),
    capabilities: raise(
      // Root has all that the container may have, and no other user any.
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
 * A process that came whole (`--process FILE`). What it leaves open about its
 * confinement is as the container's own process has it: leaving something out
 * is no way to more rights.
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

/** With the HOME that programs expect, and no more capabilities than are named. */
export function withHomeVariable(
  process: Process,
  accounts: () => AccountFiles,
): Process {
  const { env, user, capabilities = {} } = process;
  return {
    ...process,
    capabilities,
    env: withHome(env, () => homeOf(accounts(), user.uid)),
  };
}

/** Null where the container's own stays. */
function userAsRun(
  { user: wanted, additionalGids }: ExecProcessOptions,
  accounts: () => AccountFiles,
  { groups = [] }: ContainerOptions,
): ResolvedUser | null {
  if (wanted === undefined) return null;
  const groupAdd = [...groups, ...additionalGids.map(String)];
  return lookUpUser({ user: wanted, groupAdd }, accounts);
}

/** What was taken over from whoever started the container stays as it was then. */
function environmentAsRun(
  { env }: Process,
  { atTerminal }: ExecProcessOptions,
  made: ContainerOptions,
  home = valueOf("HOME", env) ?? "/",
): readonly string[] {
  return made.hostEnv ? env : environment(made, { home }, atTerminal);
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
  // In numbers it says no more than it says, as with runc.
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
  throw new SpecError(`Cannot use the id ${text}: it is too large`, {
    hint: `The highest is ${MAX_ID}.`,
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
    "See capabilities(7) for their names.",
  );
}

/** Without the members that are undefined: they would hide others. */
function defined<T extends object>(members: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
