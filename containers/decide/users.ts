/**
 * Who the command runs as: names are looked up in the root filesystem's own
 * passwd(5) and group(5), never in the host's. Runs on the host, before any
 * namespace exists.
 */

import { O, open } from "../../ffi/fcntl.ts";
import { readInRoot } from "../../ffi/openat2.ts";
import { SpecError } from "../../spec/errors.ts";
import { MAX_ID, parseId } from "../../spec/ids.ts";

/** A user as setresuid(2) wants it, and where it is at home. */
export interface ResolvedUser {
  uid: number;
  gid: number;
  groups: number[];
  home: string;
}

/** A line of passwd(5); null where its number is no id. */
interface Account {
  name: string;
  uid: number | null;
  gid: number | null;
  home: string;
}

/** A line of group(5). */
interface Group {
  name: string;
  gid: number | null;
  members: string[];
}

const fields = (text: string | null) =>
  (text ?? "").split("\n").filter((line) => line && !line.startsWith("#"))
    .map((line) => line.split(":"));

/** The lines of a passwd(5). */
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

/** The lines of a group(5). */
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

/** What is written in digits is an id, and no name. */
function number(text: string): number | null {
  if (!/^\d+$/.test(text)) return null;
  const id = parseId(text);
  if (id === null) {
    throw new SpecError(`Cannot use the id ${text}: it is too large`, {
      hint: `The highest is ${MAX_ID}.`,
    });
  }
  return id;
}

/** An id of an account file, where it counts. */
function idOf(id: number | null, what: string, file: string): number {
  if (id !== null) return id;
  throw new SpecError(
    `Cannot use the ${what}: its number in the root filesystem's ${file} is no id`,
    { hint: `Mend the line: an id is a number from 0 to ${MAX_ID}.` },
  );
}

const groupId = ({ name, gid }: Group) =>
  idOf(gid, `group ${name}`, "/etc/group");

/**
 * `name|uid[:group|gid]` and further groups, against the accounts of a root
 * filesystem. Without a group the account's own and those it is a member of
 * count, as docker run --user does.
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
      { hint: "Give its number instead, or add the user." },
    );
  }
  const gidOf = (name: string) => {
    const gid = number(name);
    if (gid !== null) return gid;
    const entry = groups.find((entry) => entry.name === name);
    if (entry) return groupId(entry);
    throw new SpecError(
      `Cannot use the group ${name}: it is not in the root filesystem's /etc/group`,
      { hint: "Give its number instead, or add the group." },
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

/** The ids of a user's process. */
export const idsOf = ({ uid, gid, groups }: ResolvedUser) => ({
  uid,
  gid,
  // Its own among them: a file closed to that group stays closed to a process
  // that gives it up (CVE-2022-36109).
  additionalGids: [...new Set([gid, ...groups])],
});

/** The files in which the accounts of a root filesystem are. */
export interface AccountFiles {
  passwd: string | null;
  group: string | null;
}

function accountsIn(rootfs: string): AccountFiles {
  using root = open(rootfs, O.O_PATH | O.O_DIRECTORY);
  return {
    passwd: readInRoot(root, "/etc/passwd"),
    group: readInRoot(root, "/etc/group"),
  };
}

/** Whether accounts have to be looked up: root without a wish needs no file, and an empty root filesystem has none. */
export const namesAccounts = (
  { user, groupAdd }: { user: string; groupAdd: readonly string[] },
) => user !== "0" || groupAdd.length > 0;

/** {@linkcode resolveUser} against files that are read where they count. */
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

/**
 * The same with those of a root filesystem.
 *
 * @param files those of one that is no directory
 */
export const findUser = (
  rootfs: string,
  wanted: { user: string; groupAdd: readonly string[] },
  files?: AccountFiles,
): ResolvedUser => lookUpUser(wanted, () => files ?? accountsIn(rootfs));
