/**
 * The process that a container is decided for. Everything that a decision knows
 * of the machine, it knows through this value, so it can be made for another
 * process, and in a test for a machine that does not exist. Only reads.
 */

import { SyscallError } from "../../ffi/errno.ts";
import type { World } from "../world/world.ts";
import { type Caller, readCaller } from "./caller.ts";
import type { Stdio } from "./streams.ts";

/** A process, and the machine as it sees it. */
export interface Requester {
  world: World;
  /** Its identity and rights. */
  caller: Caller;
  /** Its working directory, from which relative paths start. */
  cwd: string;
  /** What the command's streams are connected to. Default: its own streams. */
  streams: readonly (Stdio | undefined)[];
}

/** The process whose World this is. */
export const requesterIn = (
  world: World,
  streams: Requester["streams"] = [],
): Requester => ({
  world,
  caller: readCaller(world),
  cwd: world.workingDirectory(),
  streams,
});

/** A path of the requester as an absolute path. An empty path leads nowhere. */
export const absolutePath = (
  { cwd }: Pick<Requester, "cwd">,
  path: string,
): string =>
  path.startsWith("/") || path === ""
    ? path
    : `${cwd === "/" ? "" : cwd}/${path}`;

/** The result of a read, or null if the kernel refuses it for any reason. */
export function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyscallError) return null;
    throw error;
  }
}
