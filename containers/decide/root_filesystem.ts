/**
 * Finds the root filesystem of a container. Only reads and decides, except that
 * it unpacks the embedded tree if that is used. Runs on the host, in the
 * parent.
 */

import type { Facts } from "../../plan/facts.ts";
import { ContainerError } from "../../spec/errors.ts";

/** `--rootfs empty`: a root filesystem that contains only the mounts. */
export const EMPTY_ROOTFS = "empty";

/** Used without --rootfs. */
export const DEFAULT_ROOTFS = "./fs";

/**
 * What kind of root filesystem a path is. A path that does not exist counts as
 * a directory.
 */
export function rootKindOf(rootfs: string): Facts["rootKind"] {
  if (rootfs === EMPTY_ROOTFS) return "empty";
  if (rootfs === "/") return "host";
  try {
    return Deno.statSync(rootfs).isFile ? "image" : "directory";
  } catch {
    // `explain` can show a plan before the root filesystem exists.
    return "directory";
  }
}

/**
 * The absolute path of the root filesystem, links resolved. Without a path it
 * is `./fs`, or else the tree embedded in the compiled program, which is
 * unpacked.
 *
 * @param unpack false: nothing is changed, and the tree need not exist yet
 * @throws {ContainerError} if there is no usable root filesystem
 */
export async function findRootFilesystem(
  path: string | undefined,
  say: (line: string) => void,
  { unpack = true }: { unpack?: boolean } = {},
): Promise<string> {
  if (path === EMPTY_ROOTFS) return EMPTY_ROOTFS;
  try {
    return realRoot(path ?? DEFAULT_ROOTFS);
  } catch (error) {
    if (path !== undefined || !(error instanceof ContainerError)) throw error;
    if (!(error.cause instanceof Deno.errors.NotFound)) throw error;
    const { embeddedRootfs } = await import("./embedded.ts");
    const embedded = await embeddedRootfs(say, { unpack });
    if (embedded === null) throw error;
    return embedded;
  }
}

function realRoot(path: string): string {
  const failed = (reason: string, hint: string, cause?: unknown) =>
    new ContainerError(`Cannot use the root filesystem ${path}: ${reason}`, {
      hint,
      cause,
    });
  let real: string;
  try {
    real = Deno.realPathSync(path);
    const { isDirectory, isFile } = Deno.statSync(real);
    // containers/decide/image_file.ts finds out what a file contains.
    if (isDirectory || isFile) return real;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw failed(
        "no such directory",
        "Create it with `deno task rootfs`, or name another directory with --rootfs DIR.",
        error,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw failed("permission denied (EACCES)", "Run as root (sudo).", error);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw failed(
      reason.replace(/ \(os error.*/, "").toLowerCase(),
      "Name another directory with --rootfs DIR.",
      error,
    );
  }
  throw failed(
    "it is neither a directory nor a file",
    "Name a directory or a squashfs, erofs or ext4 image with --rootfs.",
  );
}
