/**
 * The directory of the plans that can be reused: below the state directory,
 * only for its user, and never large. Runs on the host.
 *
 * The plans are a convenience. If one cannot be written, the next run takes
 * longer, and nothing else differs.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { makeStateDirectory } from "../../launch/host/state_place.ts";
import { ContainerError } from "../../spec/errors.ts";

/** The most plans, and the most bytes of all of them. */
const MOST = { plans: 64, bytes: 4 << 20 } as const;
/** What the mode of a file for its owner alone does not have. */
const OTHERS = 0o077;
/** A draft that is older belongs to a command that was killed, milliseconds. */
const DRAFT_AGE = 60_000;

/**
 * Stores a plan under a name, in place of an earlier one.
 *
 * @param state the state directory
 */
export function store(state: string, name: string, bytes: Uint8Array): void {
  try {
    const directory = `${state}/plans`;
    // Other users may look at the containers next to it.
    makeStateDirectory(state, 0o711);
    makeStateDirectory(directory, 0o700);
    if (isSame(`${directory}/${name}`, bytes)) return;
    write(directory, name, bytes);
    sweep(directory);
  } catch (error) {
    if (!isOfSystem(error)) throw error;
  }
}

const isOfSystem = (error: unknown) =>
  error instanceof SyscallError || error instanceof ContainerError ||
  error instanceof Error && "code" in error;

/** The native code did not use this plan for another reason than the file. */
function isSame(path: string, bytes: Uint8Array): boolean {
  const info = statOrNull(path);
  if (!info?.isFile || info.uid !== Deno.uid() || (info.mode ?? 0) & OTHERS) {
    return false;
  }
  try {
    const found = Deno.readFileSync(path);
    return found.length === bytes.length &&
      found.every((byte, index) => byte === bytes[index]);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** No reader sees half of a plan, whoever else writes one. */
function write(directory: string, name: string, bytes: Uint8Array): void {
  const draft = `${directory}/.${name}.${crypto.randomUUID()}`;
  try {
    Deno.writeFileSync(draft, bytes, { mode: 0o600, createNew: true });
    Deno.renameSync(draft, `${directory}/${name}`);
  } catch (error) {
    remove(draft);
    throw error;
  }
}

/** Removes the oldest plans that are too many. */
function sweep(directory: string): void {
  const now = Date.now();
  const files = [...Deno.readDirSync(directory)].flatMap(({ name }) => {
    const path = `${directory}/${name}`;
    const info = statOrNull(path);
    return info
      ? [{ path, name, size: info.size, time: info.mtime?.getTime() ?? 0 }]
      : [];
  });
  files.sort((one, other) => other.time - one.time);
  let [count, bytes] = [0, 0];
  for (const { path, name, size, time } of files) {
    if (name.startsWith(".")) {
      if (now - time > DRAFT_AGE) remove(path);
      continue;
    }
    count++;
    bytes += size;
    if (count > MOST.plans || bytes > MOST.bytes) remove(path);
  }
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Another command may have removed it. */
function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
