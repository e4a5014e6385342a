/**
 * Finds the user that the command runs as. Names are looked up in the passwd(5)
 * and group(5) of the root filesystem, never in the host's. Only reads and
 * decides; changes nothing. Runs on the host, before any namespace exists.
 */

import { SpecError } from "../../spec/errors.ts";
import { MAX_ID, parseId } from "../../spec/ids.ts";
import type { AccountFiles, World } from "../world/world.ts";

/** A user's ids for setresuid(2), and the home directory. */
export interface ResolvedUser {
  uid: number;
  gid: number;
  groups: number[];
  home: string;
}

/** A line of passwd(5). A number that is no valid id is null. */
interface Account {
  name: string;
  uid: number | null;
  gid: number | null;
  home: string;
}

/** A line of group(5). A number that is no valid id is null. */
interface Group {
  name: string;
  gid: number | null;
  members: string[];
}

const fields = (text: string | null) =>
  (text ?? "").split("\n").filter((line) => line && !line.startsWith("#"))
    .map((line) => line.split(":"));

/** Parses a passwd(5) file. */
export function parsePasswd(text: string | null): Account[] {
  return fields(text).flatMap(([name, , uid, gid, , home]) =>
    name
      ? [{
        name,
        uid: parseId(uid ?? ""),
        gid: parseId(gid ?? ""),
        home: home || "/",
      }]
      : []
  );
}

/** Parses a group(5) file. */
export function parseGroup(text: string | null): Group[] {
  return fields(text).flatMap(([name, , gid, members]) =>
    name
      ? [{
        name,
        gid: parseId(gid ?? ""),
        members: (members ?? "").split(",").filter((member) => member),
      }]
      : []
  );
}

/** The id that a text of digits names; null if the text is a name. */
function number(text: string): number | null {
  if (!/^\d+$/.test(text)) return null;
  const id = parseId(text);
  if (id === null) {
    throw new SpecError(`Cannot use the ID ${text}: it is too large`, {
      hint: `The highest ID is ${MAX_ID}.`,
    });
  }
  return id;
}

/**
 * An id from an account file that is going to be used.
 *
 * @throws {SpecError} if the number in the file is no valid id
 */
function idOf(id: number | null, what: string, file: string): number {
  if (id !== null) return id;
  throw new SpecError(
    `Cannot use the ${what}: its number in the root filesystem's ${file} is not a valid ID`,
    { hint: `Correct the line: an ID is a number from 0 to ${MAX_ID}.` },
  );
}

const groupId = ({ name, gid }: Group) =>
  idOf(gid, `group ${name}`, "/etc/group");

/**
 * Resolves `name|uid[:group|gid]` and additional groups against the accounts of
 * a root filesystem. Without a group the user gets the account's own group and
 * the groups it is a member of, as with docker run --user.
 *
 * @throws {SpecError} for an unknown name and a number that is no valid id
 */
export function resolveUser(
  { user, groupAdd }: { user: string; groupAdd: readonly string[] },
  accounts: readonly Account[],
  groups: readonly Group[],
): ResolvedUser {
  const [who = "", group] = user.split(/:(.*)/s);
  const uid = number(who);
  const account = accounts.find((entry) =>
    uid === null ? entry.name === who : entry.uid === uid
  );
  if (uid === null && !account) {
    throw new SpecError(
      `Cannot run as ${who}: no such user in the root filesystem's /etc/passwd`,
      { hint: "Use a user ID instead, or add the user." },
    );
  }
  const gidOf = (name: string) => {
    const gid = number(name);
    if (gid !== null) return gid;
    const entry = groups.find((entry) => entry.name === name);
    if (entry) return groupId(entry);
    throw new SpecError(
      `Cannot use the group ${name}: it is not in the root filesystem's /etc/group`,
      { hint: "Use a group ID instead, or add the group." },
    );
  };
  const gid = group
    ? gidOf(group)
    : account
    ? idOf(account.gid, `group of the user ${account.name}`, "/etc/passwd")
    : 0;
  const member = group || !account
    ? []
    : groups.flatMap((entry) =>
      entry.members.includes(account.name) ? [groupId(entry)] : []
    );
  return {
    uid: uid ?? idOf(account!.uid, `user ${who}`, "/etc/passwd"),
    gid,
    groups: [...new Set([...member, ...groupAdd.map(gidOf)])],
    home: account?.home ?? (uid === 0 ? "/root" : "/"),
  };
}

/** The ids of a process of this user. */
export const idsOf = ({ uid, gid, groups }: ResolvedUser) => ({
  uid,
  gid,
  // The user's own group is also a supplementary group. A process that changes
  // its group keeps it, and files closed to that group stay closed to the
  // process (CVE-2022-36109).
  additionalGids: [...new Set([gid, ...groups])],
});

/** The account files below the root of a container. */
export function accountsIn(rootfs: string, world: World): AccountFiles {
  using root = world.openDirectory(rootfs);
  return {
    passwd: root.readText("/etc/passwd"),
    group: root.readText("/etc/group"),
  };
}

/**
 * Whether accounts have to be looked up. Plain root needs no file, and an empty
 * root filesystem has none.
 */
export const namesAccounts = (
  { user, groupAdd }: { user: string; groupAdd: readonly string[] },
) => user !== "0" || groupAdd.length > 0;

/**
 * {@linkcode resolveUser} against files that are read only if they are needed.
 */
export function lookUpUser(
  wanted: { user: string; groupAdd: readonly string[] },
  files: () => AccountFiles,
): ResolvedUser {
  if (!namesAccounts(wanted)) {
    return { uid: 0, gid: 0, groups: [], home: "/root" };
  }
  const { passwd, group } = files();
  return resolveUser(wanted, parsePasswd(passwd), parseGroup(group));
}
