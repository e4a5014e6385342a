/**
 * The cgroup that a process of `exec` joins. Only reads and decides; changes
 * nothing. Runs on the host, in the exec command.
 */

import {
  type CgroupGroup,
  type CgroupState,
  entryInto,
  readHierarchy,
} from "../../../cgroup/mod.ts";
import type { CgroupEntry } from "../../../plan/facts.ts";
import { ContainerError, UsageError } from "../../../spec/errors.ts";
import type { World } from "../../world/world.ts";
import { orNull } from "../requester.ts";

/**
 * How to enter a container's cgroup; null if it has none.
 *
 * @param wanted cgroups below it, `[CONTROLLER,…:]PATH` each, as runc's
 * --cgroup
 * @param memberships the /proc/PID/cgroup of the container's first process
 * @throws {ContainerError} for a cgroup that does not exist
 */
export function entryOf(
  state: CgroupState | null,
  wanted: readonly string[],
  memberships: string,
  world: World,
): CgroupEntry | null {
  const { groups = [] } = state ?? {};
  const below = wanted.map(parseWanted);
  const unused = below.find(({ controllers }) =>
    controllers && !groups.some((group) => isMeant(group, controllers))
  );
  if (unused || below.length && !groups.length) {
    throw new ContainerError(
      `Cannot join the cgroup ${wanted.join(", ")}: the container is in ${
        unused?.controllers ? `none of ${unused.controllers.join()}` : "none"
      }`,
      { hint: "Remove --cgroup, or name a cgroup of the container." },
    );
  }
  if (!groups.length) return null;
  const places = groups.map((group) => {
    const asked = below.find(({ controllers }) =>
      !controllers || isMeant(group, controllers)
    );
    const path = asked
      ? existing(`${group.path}${asked.path}`, world)
      : own(group, memberships, world);
    return { version: group.version, path };
  });
  return { ...entryInto(places), back: [] };
}

interface Wanted {
  controllers: string[] | null;
  /** Empty, or starts with a slash. */
  path: string;
}

function parseWanted(text: string): Wanted {
  const [, controllers, path = ""] = text.match(/^(?:([^:/]*):)?(.*)$/s) ?? [];
  const parts = path.split("/").filter((part) => part && part !== ".");
  if (parts.includes("..")) {
    throw new UsageError(
      `--cgroup ${text}: the path is outside the container's cgroup`,
      "Name a cgroup below it.",
    );
  }
  return {
    controllers: controllers ? controllers.split(",") : null,
    path: parts.map((part) => `/${part}`).join(""),
  };
}

const isMeant = ({ controllers }: CgroupGroup, names: readonly string[]) =>
  names.some((name) => controllers.includes(name));

function existing(path: string, world: World): string {
  if (world.access(`${path}/cgroup.procs`, "exists")) return path;
  throw new ContainerError(
    `Cannot join the cgroup ${path}: no such file or directory`,
    { hint: "Create it inside the container, below /sys/fs/cgroup." },
  );
}

/**
 * The cgroup to join. A v2 cgroup that has enabled controllers for its children
 * takes no processes, cgroups(7): an init such as systemd has moved itself into
 * a child. The cgroup of the first process can always be joined.
 */
function own(
  { version, path }: CgroupGroup,
  memberships: string,
  world: World,
): string {
  const enabled = () =>
    orNull(() => world.readText(`${path}/cgroup.subtree_control`));
  if (version === 1 || !enabled()?.trim()) return path;
  const [, place] = memberships.match(/^0::(\/.*)$/m) ?? [];
  const mount = readHierarchy(world).mounts.find(({ version }) =>
    version === 2
  );
  const moved = `${mount?.path}${place}`;
  return moved.startsWith(`${path}/`) ? moved : path;
}
