/**
 * The mount option `idmap`, which maps the owners of a mount's files. crun and
 * podman write it as an option, OCI as uidMappings and gidMappings; this module
 * converts the option to the OCI form. Only reads and decides; changes nothing.
 * Runs on the host.
 */

import { asksForMap } from "../../plan/mounts/host_mounts.ts";
import { SpecError, UsageError } from "../../spec/errors.ts";
import type { IdMapping, Mount, Spec } from "../../spec/types.ts";
import { checkMaps, mapsOfNamespace } from "./id_ranges.ts";
import type { Requester } from "./requester.ts";
import { hostIdOf } from "../../spec/ids.ts";

/** `idmap` or `ridmap`, and the mapping if it is written out. */
const OPTION = /^(r?idmap)(?:=(.*))?$/s;

/**
 * The mapping of a mount. The container's own mapping is used if the mount has
 * none.
 */
type Maps = Pick<Mount, "uidMappings" | "gidMappings">;

/**
 * The mounts of a Spec. Each that asks for an id mapping has its mappings.
 *
 * @throws {SpecError} if there is nothing to map by, or the caller is not
 * allowed to
 */
export function mappedMounts(
  spec: Pick<Spec, "linux" | "mounts">,
  { caller, world }: Pick<Requester, "caller" | "world">,
): Mount[] {
  const { mounts = [] } = spec;
  if (!mounts.some(asksForMap)) return mounts;
  const own = ownMaps(spec, world);
  return mounts.map((mount): Mount => {
    if (!asksForMap(mount)) return mount;
    const name = `Cannot map the IDs of ${mount.source ?? mount.destination}`;
    if (!caller.privileged) {
      throw new SpecError(`${name}: not root`, {
        hint:
          "The kernel requires CAP_SYS_ADMIN over the file system. Run as root (sudo), or remove idmap and make yourself the owner of the files: inside you are root.",
      });
    }
    const kind = mount.options?.findLast((option) => OPTION.test(option));
    return {
      ...mount,
      ...mapsOf(mount, own, name),
      options: [
        ...mount.options?.filter((option) => !OPTION.test(option)) ?? [],
        kind?.startsWith("r") ? "ridmap" : "idmap",
      ],
    };
  });
}

/**
 * The maps of the container's user namespace. For a namespace that is joined by
 * a path other than `/proc/PID/ns/user` they are unknown.
 */
function ownMaps(
  { linux }: Pick<Spec, "linux">,
  world: Requester["world"],
): Maps | null {
  const { uidMappings, gidMappings } = linux;
  if (uidMappings?.length) return { uidMappings, gidMappings };
  const joined = linux.namespaces.find(({ type }) => type === "user")?.path;
  const maps = joined === undefined ? null : mapsOfNamespace(joined, world);
  return maps && { uidMappings: maps.uids, gidMappings: maps.gids };
}

function mapsOf(mount: Mount, own: Maps | null, name: string): Maps {
  const { uidMappings, gidMappings, options = [] } = mount;
  if (uidMappings?.length && gidMappings?.length) {
    checkMaps(`${name}: uidMappings`, uidMappings);
    checkMaps(`${name}: gidMappings`, gidMappings);
    return { uidMappings, gidMappings };
  }
  if (uidMappings?.length || gidMappings?.length) {
    throw new SpecError(
      `${name}: uidMappings and gidMappings must be given together`,
      {
        hint: "Give both of them.",
      },
    );
  }
  const text = options.flatMap((option) => option.match(OPTION)?.[2] ?? [])
    .at(-1);
  if (text !== undefined) return parseIdmap(text, own, name);
  if (own?.uidMappings?.length) return own;
  throw new UsageError(
    `${name}: the container has no user namespace whose mapping could be used`,
    "Add --uidmap and --gidmap, or give a mapping: idmap=uids=0-1000-1;gids=0-1000-1.",
  );
}

const RANGE = /^(\d{1,10})-(\d{1,10})-(\d{1,10})$/;

/**
 * Parses `uids=DISK-HOST-COUNT#…;gids=…`, the syntax of crun and podman. A file
 * that belongs to the id DISK in the file system belongs to the id HOST for
 * processes of the host. After `@`, the second number is an id of the container
 * instead.
 *
 * @throws {UsageError} if the text is malformed
 */
export function parseIdmap(
  text: string,
  own: Maps | null,
  name = "Cannot map IDs",
): Required<Maps> {
  const bad = (what: string) =>
    new UsageError(
      `${name}: idmap=${text}: ${what}`,
      "Use idmap=uids=DISK-HOST-COUNT;gids=DISK-HOST-COUNT; separate further ranges with #.",
    );
  const found: Partial<Record<string, IdMapping[]>> = {};
  for (const part of text.split(";")) {
    const [kind = "", ranges = ""] = part.split(/=(.*)/s);
    if (kind !== "uids" && kind !== "gids") {
      throw bad(`${kind || "nothing"} is neither uids nor gids`);
    }
    const inner = own?.[kind === "uids" ? "uidMappings" : "gidMappings"] ?? [];
    const relative = ranges.startsWith("@");
    const maps = ranges.slice(relative ? 1 : 0).split("#").map((range) => {
      const [, containerID, hostID, size] = (range.match(RANGE) ?? []).map(
        Number,
      );
      if (!size) throw bad(`${range || "an empty range"} is not a range`);
      return { containerID: containerID!, hostID: hostID!, size };
    });
    found[kind] = relative
      ? maps.map((map) => {
        const host = hostIdOf(map.hostID, inner, map.size);
        if (host !== null) return { ...map, hostID: host };
        throw bad(
          `the container does not have the IDs from ${map.hostID} on (after @ the IDs are those of its user namespace)`,
        );
      })
      : maps;
    if (overlap(found[kind])) throw bad(`the ranges of ${kind} overlap`);
  }
  const { uids, gids } = found;
  if (!uids || !gids) throw bad(`${uids ? "gids" : "uids"}= is missing`);
  return { uidMappings: uids, gidMappings: gids };
}

/** The kernel accepts each id only once. */
function overlap(maps: readonly IdMapping[]): boolean {
  return maps.some((a, index) =>
    maps.slice(index + 1).some((b) =>
      (["containerID", "hostID"] as const).some((id) =>
        a[id] < b[id] + b.size && b[id] < a[id] + a.size
      )
    )
  );
}
