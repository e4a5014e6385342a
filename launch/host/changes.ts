/**
 * The directory in a store of images for what a container changes. Runs on the
 * host, in the parent or in the command that cleans up.
 */

import { describe } from "../../explain/steps/describe.ts";
import type { StepOf } from "../../plan/step.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import type { OwnerMaps, UndoOperation } from "../../plan/undo.ts";
import { runInside } from "./inside.ts";
import { bootId } from "./owner.ts";
import { isThere } from "./identity.ts";

type Discard = Extract<UndoOperation, { undo: "discard" }>;

/** What a container uses in the store, written next to its changes. */
interface Uses {
  blobs: readonly string[];
  chains: readonly string[];
  /** The boot in which it was made, and its record, which may outlive that. */
  boot: string;
  record: string | null;
  /** The names of volumes. */
  volumes?: readonly string[];
}

/**
 * Makes the directory, with a list of what must stay in the store. The lock is
 * held meanwhile: a command that removes images either finds the list, or has
 * removed the layers before, and then this fails.
 *
 * @throws ContainerError if a layer is missing, or nothing can be made there
 */
export function keepChanges(step: StepOf<"keepChanges">): null | void {
  const { directory, layers } = step;
  return keep(
    step,
    (uses) => fill(directory, (path) => makeUpper(path, layers[0], step), uses),
  );
}

/**
 * Writes the list for a container that has no changes in the store.
 *
 * @throws ContainerError as {@linkcode keepChanges}
 */
export function keepUses(step: StepOf<"keepUses">): null | void {
  const { lock, directory } = step;
  // The store may have nothing else yet.
  const store = lock.replace(/\/[^/]*$/, "");
  Deno.mkdirSync(`${store}/work`, { recursive: true, mode: 0o700 });
  return keep(step, (uses) => {
    Deno.mkdirSync(directory, { mode: 0o700 });
    writeUses(directory, uses);
  });
}

function keep(
  step: StepOf<"keepChanges" | "keepUses">,
  make: (uses: Uses) => void,
): null | void {
  const { directory, lock, blobs, chains, record, volumes } = step;
  // A layer stays as long as one that is above it, images/store/collect.ts.
  const tops = [
    ...step.step === "keepChanges" ? step.layers.slice(0, 1) : [],
    ...step.mounted ?? [],
  ];
  try {
    using file = Deno.openSync(lock, {
      create: true,
      write: true,
      mode: 0o600,
    });
    file.lockSync(true);
    for (const top of tops) Deno.statSync(top);
    if (step.empty !== undefined) {
      Deno.mkdirSync(step.empty, { recursive: true, mode: 0o755 });
    }
    if (isThere(`${directory}/uses.json`)) return null;
    // What a command has left that was killed here.
    if (isThere(directory)) Deno.removeSync(directory, { recursive: true });
    Deno.mkdirSync(directory.replace(/\/[^/]*$/, ""), {
      recursive: true,
      mode: 0o700,
    });
    make({
      blobs,
      chains,
      boot: bootId() ?? "",
      record: record ?? null,
      ...(volumes?.length ? { volumes } : {}),
    });
  } catch (cause) {
    throw new ContainerError(
      `Cannot ${describe(step)}: ${systemReason(cause)}`,
      {
        hint: cause instanceof Deno.errors.NotFound
          ? "Another command has removed the image: pull it again."
          : /os error 30\)/.test(String(cause))
          ? "Name a directory that you can write to with --store."
          : "Free some space, or name another directory with --store.",
        cause,
      },
    );
  }
}

/** Makes it whole, or not at all. */
function fill(
  directory: string,
  makeUpper: (path: string) => void,
  uses: Uses,
): void {
  Deno.mkdirSync(directory, { mode: 0o700 });
  try {
    for (const name of ["work", "layers"]) {
      Deno.mkdirSync(`${directory}/${name}`, { mode: 0o700 });
    }
    makeUpper(`${directory}/upper`);
    writeUses(directory, uses);
  } catch (error) {
    Deno.removeSync(directory, { recursive: true });
    throw error;
  }
}

function writeUses(directory: string, uses: Uses): void {
  const fresh = `${directory}/uses.json.new`;
  Deno.writeTextFileSync(fresh, JSON.stringify(uses), { mode: 0o600 });
  Deno.renameSync(fresh, `${directory}/uses.json`);
}

/** An overlay shows its root with the owner, mode and time of this directory. */
function makeUpper(
  path: string,
  top: string | undefined,
  { owners }: Pick<StepOf<"keepChanges">, "owners">,
): void {
  Deno.mkdirSync(path, { mode: 0o755 });
  if (top === undefined) return;
  const { uid, gid, mode, mtime } = Deno.statSync(top);
  const isOwn = uid === Deno.uid() && gid === Deno.gid();
  if (owners && !isOwn) return makeLikeInside(path, top, owners);
  if (uid !== null && gid !== null) Deno.chownSync(path, uid, gid);
  if (mode !== null) Deno.chmodSync(path, mode & 0o7777);
  if (mtime) Deno.utimeSync(path, mtime, mtime);
}

/** Only root of the user's namespace can give a directory to another ID. */
function makeLikeInside(path: string, top: string, owners: OwnerMaps): void {
  const script =
    'chown --reference="$2" "$1" && chmod --reference="$2" "$1" && touch -r "$2" "$1"';
  if (runInside(owners, script, [path, top])) return;
  throw new ContainerError(`Cannot make ${path} with the owner of ${top}`);
}

/**
 * Removes such a directory: first it is renamed, so that it is there whole or
 * not at all. A tree that cannot be removed here, because a container has made
 * it too deep, stays among the store's garbage, which the next command that
 * changes the store removes.
 *
 * @throws ContainerError if it cannot be renamed
 */
export function discard(
  { path, into, owners }: Omit<Discard, "undo">,
): void {
  try {
    Deno.renameSync(path, into);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    throw new ContainerError(
      `Cannot remove the container's changes in ${path}: ${
        systemReason(cause)
      }`,
      { hint: "Remove the directory as root.", cause },
    );
  }
  try {
    // Only root can enter the directory that overlayfs has made here.
    if (owners) chmodIfThere(`${into}/work/work`, 0o700);
    Deno.removeSync(into, { recursive: true });
  } catch {
    // What stays is among the garbage.
    if (owners) removeInside(into, owners);
  }
}

function chmodIfThere(path: string, mode: number): void {
  try {
    Deno.chmodSync(path, mode);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes files that belong to the subordinate IDs of the user. */
function removeInside(path: string, owners: OwnerMaps): void {
  try {
    runInside(owners, 'exec rm -rf -- "$1"', [path]);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
  }
}
