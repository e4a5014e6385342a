/**
 * Carries out a command of a user inside the user namespace of the user's store
 * of images. Runs on the host, in the process the user started.
 *
 * The files of a layer belong to many IDs. A user may create, read and remove
 * them only as root of a user namespace that maps the user's whole range of
 * subuid(5). So this program starts itself again in there, and waits.
 */

import { stateDirectory } from "../../containers/run/state_directory.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import type { Namespace } from "../../containers/run/user_namespace.ts";
import { storeMaps } from "../../containers/run/store_maps.ts";
import { ContainerError } from "../../spec/errors.ts";
import { globals } from "../oci/global.ts";
import { openStore } from "./open_store.ts";

/** What a command does in the store. */
export interface InsideOptions {
  /**
   * It only removes. Then it works with the map of the store, even if
   * /etc/subuid has another one by now.
   */
  removes?: boolean;
}

/**
 * Carries out a command of this program as root of the user namespace of the
 * user's store, if this process is not root already. Call it first in each
 * command that reads, writes or removes files of layers, of containers' changes
 * or of volumes, after the command line has been checked:
 *
 * ```ts
 * async execute(argv) {
 *   const flags = parseFlags(FLAGS, argv, "container diff");
 *   const status = await inUserNamespace(["diff", ...argv]);
 *   if (status !== null) return status;
 *   // Here this process may change every file of the store.
 * }
 * ```
 *
 * In there the process has the flags before the command (`--store`, `--root`),
 * the environment, the working directory and the streams of this one. Its user
 * is root (`Deno.uid()` is 0), and owners of files are those of the image, as
 * for root on the host. It has no rights over other users' files, processes and
 * mounts. Standard input and output are passed on, so an archive can be piped.
 *
 * @param words the command and its own words
 * @returns the status of the command; null if this process is root, on the host
 * or in a user namespace, and carries out the command itself
 * @throws {ContainerError} if the namespace cannot be made, or has other IDs
 * than the store
 */
export async function inUserNamespace(
  words: readonly string[],
  options: InsideOptions = {},
): Promise<number | null> {
  if (Deno.uid() === 0) return null;
  return await startInside(storeMaps(openStore().path, options), words);
}

/**
 * Carries out a command of this program as root of the user namespace of a
 * container that runs.
 *
 * @param pid its first process
 * @returns the status of the command
 * @throws {ContainerError} if the process has just ended
 */
export const inNamespaceOf = (
  pid: number,
  words: readonly string[],
): Promise<number> => startInside({ pid }, words);

/** Starts this program again, in a user namespace. */
async function startInside(
  namespace: Namespace,
  words: readonly string[],
): Promise<number> {
  const { runInUserNamespace } = await import(
    "../../containers/run/user_namespace.ts"
  );
  const [, ...self] = THIS_MACHINE.program();
  return await runInUserNamespace(namespace, [
    ...[Deno.execPath(), ...self],
    ...globals().words,
    ...stateWords(),
    ...words,
  ]);
}

/** Root has another default directory for the state of containers. */
function stateWords(): string[] {
  if (globals().root !== undefined) return [];
  try {
    return ["--root", `${stateDirectory({ make: false })}/containers`];
  } catch (error) {
    // A command that needs it reports the reason.
    if (error instanceof ContainerError) return [];
    throw error;
  }
}
