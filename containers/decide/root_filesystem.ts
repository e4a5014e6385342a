/**
 * Decides what the root filesystem of a container is. Only reads and decides;
 * changes nothing. Runs on the host, in the parent.
 */

import { errnoText, SyscallError } from "../../ffi/errno.ts";
import type { Facts } from "../../plan/facts.ts";
import { ContainerError } from "../../spec/errors.ts";
import { absolutePath, orNull, type Requester } from "./requester.ts";

type Here = Pick<Requester, "world" | "cwd">;

/** `--rootfs empty`: a root filesystem that contains only the mounts. */
export const EMPTY_ROOTFS = "empty";

/** Used without --rootfs. */
export const DEFAULT_ROOTFS = "./fs";

/**
 * What kind of root filesystem a path is. A path that does not exist counts as
 * a directory.
 */
export function rootKindOf(rootfs: string, here: Here): Facts["rootKind"] {
  if (rootfs === EMPTY_ROOTFS) return "empty";
  if (rootfs === "/") return "host";
  const info = orNull(() => here.world.stat(absolutePath(here, rootfs)));
  // `explain` can show a plan before the root filesystem exists.
  return info?.type === "file" ? "image" : "directory";
}

/**
 * The absolute path of a root filesystem, links resolved.
 *
 * @throws {ContainerError} if it cannot be used
 */
export function realRoot(path: string, here: Here): string {
  const failed = (reason: string, hint: string, cause?: unknown) =>
    new ContainerError(`Cannot use the root filesystem ${path}: ${reason}`, {
      hint,
      cause,
    });
  try {
    const real = here.world.realPath(absolutePath(here, path));
    const { type } = here.world.stat(real);
    // containers/decide/image_file.ts finds out what a file contains.
    if (type === "directory" || type === "file") return real;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "ENOENT") {
      throw failed(
        "no such directory",
        "Create it with `deno task rootfs`, or name another directory with --rootfs DIR.",
        error,
      );
    }
    if (error.code === "EACCES") {
      throw failed("permission denied (EACCES)", "Run as root (sudo).", error);
    }
    throw failed(
      errnoText(error.code),
      "Name another directory with --rootfs DIR.",
      error,
    );
  }
  throw failed(
    "it is neither a directory nor a file",
    "Name a directory or a squashfs, erofs or ext4 image with --rootfs.",
  );
}

/** Whether {@linkcode realRoot} failed because nothing is there. */
export const isMissing = ({ cause }: ContainerError): boolean =>
  cause instanceof SyscallError && cause.code === "ENOENT";
