/**
 * The ids of the host that a user namespace maps: the caller's own, and the
 * ranges of subuid(5). Only reads and decides; changes nothing. Runs on the
 * host.
 */

import type { IdMapping, Spec } from "../../spec/types.ts";
import { SpecError, UsageError } from "../../spec/errors.ts";
import {
  isId,
  MAX_ID,
  overlapping,
  parseId,
  parseIdMap,
} from "../../spec/ids.ts";
import type { World } from "../world/world.ts";
import type { Caller } from "./caller.ts";
import { orNull } from "./requester.ts";

type Files = Pick<World, "readText" | "stat">;

/** Id maps, and which program writes them. */
export interface IdMaps {
  uids: IdMapping[];
  gids: IdMapping[];
  /** newuidmap(1) writes them: the caller may not write these maps itself. */
  helper: boolean;
}

/** Only the caller's own ids. They are root's ids inside. */
export function ownIds(uid: number, gid: number): IdMaps {
  return {
    uids: [{ containerID: 0, hostID: uid, size: 1 }],
    gids: [{ containerID: 0, hostID: gid, size: 1 }],
    helper: false,
  };
}

/**
 * Whether a caller without CAP_SETUID needs newuidmap(1) to write these maps. A
 * joined user namespace has maps already, so nothing is written for it.
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

/** The ranges that a subuid(5) file assigns to a user. */
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

/** Maps 0 to the caller, and the ids from 1 upwards to the given ranges. */
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

/**
 * Parses `CONTAINER:HOST:SIZE`, the value of --uidmap.
 *
 * @throws {UsageError} if it is malformed or maps ids that do not exist
 */
export function parseMapping(flag: string, text: string): IdMapping {
  const match = text.match(/^(\d+):(\d+)(?::(\d+))?$/);
  if (!match) {
    throw new UsageError(
      `${flag} ${text}: not CONTAINER:HOST:SIZE`,
      "Example: 0:100000:65536.",
    );
  }
  const [containerID, hostID, size] = [match[1]!, match[2]!, match[3] ?? "1"]
    .map(Number) as [number, number, number];
  // The kernel cuts a larger number to 32 bits, so it could map root of the
  // host.
  if (!size || !isId(Math.max(containerID, hostID) + size - 1)) {
    throw new UsageError(
      size
        ? `${flag} ${text}: exceeds the highest ID, ${MAX_ID}`
        : `${flag} ${text}: maps no IDs`,
      "Example: 0:100000:65536.",
    );
  }
  return { containerID, hostID, size };
}

const read = (files: Files, path: string) =>
  orNull(() => files.readText(path)) ?? "";

/**
 * Refuses maps in which an id occurs twice: the kernel would only say "invalid
 * argument".
 *
 * @param flag `--uidmap`
 * @throws {UsageError}
 */
export function checkMaps(flag: string, maps: readonly IdMapping[]): void {
  for (
    const [side, where] of [
      ["containerID", "inside"],
      ["hostID", "on the host"],
    ] as const
  ) {
    const overlap = overlapping(
      maps.map((map) => ({ first: map[side], size: map.size })),
    );
    if (!overlap) continue;
    const [one, other] = overlap.map((index) => maps[index]!).map((map) =>
      `${map.containerID}:${map.hostID}:${map.size}`
    );
    throw new UsageError(
      `${flag} ${one}: its IDs ${where} overlap with those of ${flag} ${other}`,
      "Map each ID only once.",
    );
  }
}

/** A file of subuid(5), the user whose ranges it gives, and the user's own id. */
interface Given {
  file: string;
  name: string;
  own: number;
  ranges: readonly { start: number; size: number }[];
}

/**
 * Refuses ranges that no user namespace can have.
 *
 * @throws {SpecError}
 */
function checkRanges({ file, name, own, ranges }: Given): void {
  const shown = ({ start, size }: { start: number; size: number }) =>
    `${start}:${size}`;
  const remove = ({ start, size }: { start: number; size: number }) =>
    `sudo usermod --del-${file.replace("/etc/", "")}s ${start}-${
      start + size - 1
    } ${name}`;
  const fault = `Cannot map the IDs that ${file} gives to ${name}`;
  const twice = overlapping(
    ranges.map(({ start, size }) => ({ first: start, size })),
  );
  if (twice) {
    const [one, other] = twice.map((index) => ranges[index]!);
    throw new SpecError(
      `${fault}: the ranges ${shown(other!)} and ${shown(one!)} overlap`,
      { hint: `Remove one of them from ${file}; see container doctor.` },
    );
  }
  const around = ranges.find(({ start, size }) =>
    own >= start && own < start + size
  );
  if (!around) return;
  throw new SpecError(
    `${fault}: the range ${
      shown(around)
    } contains the user's own ID ${own}, which is root inside`,
    { hint: `Use other IDs. To remove the range: ${remove(around)}.` },
  );
}

/**
 * The path of a user namespace as a process of it shows it. Only from this form
 * can the maps be found.
 */
export const PROCESS_USER_NAMESPACE = /^(\/proc\/[^/]+)\/ns\/user$/;

/**
 * The maps of an existing user namespace. Only for `/proc/PID/ns/user` can they
 * be read; for any other path the result is null.
 */
export function mapsOfNamespace(path: string, files: Files): IdMaps | null {
  const process = path.match(PROCESS_USER_NAMESPACE)?.[1];
  return process === undefined ? null : {
    uids: parseIdMap(read(files, `${process}/uid_map`)),
    gids: parseIdMap(read(files, `${process}/gid_map`)),
    helper: false,
  };
}

/** The user namespace of this process. */
export const OWN_USER_NAMESPACE = "/proc/self/ns/user";

/** Whether setgroups(2) is denied in a user namespace. */
export function deniesSetgroups(path: string, files: Files): boolean {
  const text = read(files, path.replace(/\/ns\/user$/, "/setgroups"));
  return text.trim() === "deny";
}

const hasProgram = (name: string, files: Files) =>
  ["/usr/bin", "/bin", "/usr/local/bin"].some((directory) =>
    orNull(() => files.stat(`${directory}/${name}`))?.type === "file"
  );

/**
 * `--userns auto`: the ranges of subuid and subgid, or only the caller's own id
 * if they cannot be used.
 *
 * @throws {SpecError} for ranges that overlap, or contain the caller's own id
 */
export function automaticIds(
  caller: { uid: number; gid: number; capable: boolean },
  files: Files,
): IdMaps {
  const name =
    read(files, "/etc/passwd").split("\n").map((line) => line.split(":"))
      .find(([, , uid]) => uid === String(caller.uid))?.[0] ?? "";
  const ranges = (path: string) =>
    parseSubIds(read(files, path), { name, id: caller.uid });
  const [uids, gids] = [ranges("/etc/subuid"), ranges("/etc/subgid")];
  const helper = !caller.capable;
  if (
    !uids.length || !gids.length || (helper && !hasProgram("newuidmap", files))
  ) {
    return ownIds(caller.uid, caller.gid);
  }
  const owner = name || String(caller.uid);
  for (
    const [file, own, found] of [
      ["/etc/subuid", caller.uid, uids],
      ["/etc/subgid", caller.gid, gids],
    ] as const
  ) checkRanges({ file, name: owner, own, ranges: found });
  return {
    uids: rangesFrom(caller.uid, uids),
    gids: rangesFrom(caller.gid, gids),
    helper,
  };
}
