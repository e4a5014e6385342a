/**
 * What runs in a container beside its first process: the process of its
 * configuration with what `exec` says otherwise, or one that comes whole. Pure.
 */

import { SpecError, UsageError } from "../../spec/errors.ts";
import { MAX_ID, parseId } from "../../spec/ids.ts";
import { CAPABILITIES } from "../../spec/names.ts";
import type { Capabilities, Process, Spec } from "../../spec/types.ts";
import {
  type AccountFiles,
  parseGroup,
  parsePasswd,
  resolveUser,
} from "../users.ts";
import { homeOf } from "./accounts.ts";

/** What `exec` says beside the command. */
export interface ProcessWishes {
  args: readonly string[];
  terminal: boolean;
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

/** The process of a container's configuration, changed by what `exec` says. */
export function adjustProcess(
  { process }: Spec,
  wishes: ProcessWishes,
  accounts: () => AccountFiles,
): Process {
  const { consoleSize: _, ...base } = process;
  return {
    ...base,
    args: [...wishes.args],
    terminal: wishes.terminal,
    cwd: wishes.cwd ?? process.cwd,
    env: [...process.env, ...wishes.env],
    user: userOf(process, wishes, accounts),
    capabilities: raise(process.capabilities, wishes.capabilities),
    ...defined({
      noNewPrivileges: wishes.noNewPrivileges,
      apparmorProfile: wishes.apparmorProfile,
      selinuxLabel: wishes.selinuxLabel,
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
export function furnishProcess(
  process: Process,
  accounts: () => AccountFiles,
): Process {
  const { env, user, capabilities = {} } = process;
  return {
    ...process,
    capabilities,
    env: env.some((entry) => /^HOME=./.test(entry))
      ? env
      : [...env, `HOME=${homeOf(accounts(), user.uid)}`],
  };
}

function userOf(
  { user }: Process,
  { user: wanted, additionalGids }: ProcessWishes,
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
