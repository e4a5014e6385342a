/**
 * Finds the root filesystem of a container, and unpacks the tree embedded in
 * the compiled program if that is used. Runs on the host, in the parent.
 */

import { ContainerError } from "../../spec/errors.ts";
import type { Requester } from "../decide/requester.ts";
import {
  DEFAULT_ROOTFS,
  EMPTY_ROOTFS,
  isMissing,
  realRoot,
} from "../decide/root_filesystem.ts";

/**
 * The absolute path of the root filesystem, links resolved. Without a path it
 * is `./fs`, or else the tree embedded in the compiled program, which is
 * unpacked.
 *
 * @param how.unpack false: nothing is changed, and the tree need not exist yet
 * @throws {ContainerError} if there is no usable root filesystem
 */
export async function findRootFilesystem(
  path: string | undefined,
  requester: Requester,
  { say, unpack = true }: { say: (line: string) => void; unpack?: boolean },
): Promise<string> {
  if (path === EMPTY_ROOTFS) return EMPTY_ROOTFS;
  try {
    return realRoot(path ?? DEFAULT_ROOTFS, requester);
  } catch (error) {
    if (path !== undefined || !(error instanceof ContainerError)) throw error;
    if (!isMissing(error)) throw error;
    const { world } = requester;
    const { embeddedRootfs } = await import("./embedded.ts");
    const embedded = await embeddedRootfs(say, { unpack, world });
    if (embedded === null) throw error;
    return embedded;
  }
}

/** The root filesystem for an explanation. It need not exist. */
export async function rootToExplain(
  path: string | undefined,
  requester: Requester,
  say: (line: string) => void,
): Promise<string> {
  try {
    return await findRootFilesystem(path, requester, { say, unpack: false });
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    return path ?? DEFAULT_ROOTFS;
  }
}
