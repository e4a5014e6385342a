/** Which ids of the host a user namespace maps: the caller's own, and those of subuid(5). */

import type { IdMapping, Spec } from "../../spec/types.ts";
import { SpecError } from "../../spec/errors.ts";
import { isId, MAX_ID, parseId } from "../../spec/ids.ts";
import type { Caller } from "./caller.ts";

/** What maps, and by whom. */
export interface IdMaps {
  uids: IdMapping[];
  gids: IdMapping[];
  /** newuidmap(1) writes them: they are more than the caller may write. */
  helper: boolean;
}

/** The caller alone, who is root inside. */
export function ownIds(uid: number, gid: number): IdMaps {
  return {
    uids: [{ containerID: 0, hostID: uid, size: 1 }],
    gids: [{ containerID: 0, hostID: gid, size: 1 }],
    helper: false,
  };
}

/**
 * Whether a mapping is more than the caller, who may not map any id, may write.
 * A user namespace that is joined has its own, and none is written.
 */
export function needsHelper(
  { linux: { uidMappings = [], gidMappings = [], namespaces } }: Spec,
  { uid, gid, capable }: Pick<Caller, "uid" | "gid" | "capable">,
): boolean {
  const isOwn = (maps: readonly IdMapping[], id: number) =>
    maps.length === 1 && maps[0]!.size === 1 && maps[0]!.hostID === id;
  const joins = namespaces.some(({ type, path }) =>
    type === "user" && path !== undefined
  );
  return !capable && !joins &&
    !(isOwn(uidMappings, uid) && isOwn(gidMappings, gid));
}

/** The ranges that a subuid(5) file gives to a user. */
export function parseSubIds(
  text: string,
  user: { name: string; id: number },
): { start: number; size: number }[] {
  return text.split("\n").flatMap((line) => {
    const [who, start, size] = line.split(":");
    const ours = who === user.name || who === String(user.id);
    const [first, count] = [parseId(start ?? ""), parseId(size ?? "")];
    return ours && first !== null && count && isId(first + count - 1)
      ? [{ start: first, size: count }]
      : [];
  });
}

/** The caller as 0, the given ranges from 1 upwards. */
export function rangesFrom(
  own: number,
  ranges: { start: number; size: number }[],
): IdMapping[] {
  const maps: IdMapping[] = [{ containerID: 0, hostID: own, size: 1 }];
  let next = 1;
  for (const { start, size } of ranges) {
    maps.push({ containerID: next, hostID: start, size });
    next += size;
  }
  return maps;
}

/** `CONTAINER:HOST:SIZE`, as --uidmap takes it. */
export function parseMapping(flag: string, text: string): IdMapping {
  const match = text.match(/^(\d+):(\d+)(?::(\d+))?$/);
  if (!match) {
    throw new SpecError(`${flag} ${text}: not CONTAINER:HOST:SIZE`, {
      hint: "For example 0:100000:65536.",
      status: 2,
    });
  }
  const [containerID, hostID, size] = [match[1]!, match[2]!, match[3] ?? "1"]
    .map(Number) as [number, number, number];
  // The kernel cuts a larger number to 32 bits: it would map the host's root.
  if (!size || !isId(Math.max(containerID, hostID) + size - 1)) {
    throw new SpecError(
      size
        ? `${flag} ${text}: reaches past the highest id, ${MAX_ID}`
        : `${flag} ${text}: maps no id`,
      { hint: "For example 0:100000:65536.", status: 2 },
    );
  }
  return { containerID, hostID, size };
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

/** The lines of a uid_map, user_namespaces(7). */
export function parseIdMap(text: string): IdMapping[] {
  return text.split("\n").flatMap((line) => {
    const [containerID, hostID, size] = line.trim().split(/\s+/).map(Number);
    return size ? [{ containerID: containerID!, hostID: hostID!, size }] : [];
  });
}

/** A user namespace by a process in it, of which more can be told than by another name. */
export const PROCESS_USER_NAMESPACE = /^(\/proc\/[^/]+)\/ns\/user$/;

/**
 * What maps in a user namespace that is there already: of `/proc/PID/ns/user`
 * it can be told, of another name of it not.
 */
export function mapsOfNamespace(path: string): IdMaps | null {
  const process = path.match(PROCESS_USER_NAMESPACE)?.[1];
  return process === undefined ? null : {
    uids: parseIdMap(read(`${process}/uid_map`)),
    gids: parseIdMap(read(`${process}/gid_map`)),
    helper: false,
  };
}

/** The one that this process is in. */
export const OWN_USER_NAMESPACE = "/proc/self/ns/user";

/** Whether the groups of processes in a user namespace are fixed. */
export function deniesSetgroups(path: string): boolean {
  return read(path.replace(/\/ns\/user$/, "/setgroups")).trim() === "deny";
}

function hasProgram(name: string): boolean {
  return ["/usr/bin", "/bin", "/usr/local/bin"].some((directory) => {
    try {
      return Deno.statSync(`${directory}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

/** `--userns auto`: what subuid and subgid give, else the caller's own id. */
export function automaticIds(
  caller: { uid: number; gid: number; capable: boolean },
): IdMaps {
  const name = read("/etc/passwd").split("\n").map((line) => line.split(":"))
    .find(([, , uid]) => uid === String(caller.uid))?.[0] ?? "";
  const ranges = (path: string) =>
    parseSubIds(read(path), { name, id: caller.uid });
  const [uids, gids] = [ranges("/etc/subuid"), ranges("/etc/subgid")];
  const helper = !caller.capable;
  if (!uids.length || !gids.length || (helper && !hasProgram("newuidmap"))) {
    return ownIds(caller.uid, caller.gid);
  }
  return {
    uids: rangesFrom(caller.uid, uids),
    gids: rangesFrom(caller.gid, gids),
    helper,
  };
}
