/**
 * The record of a start whose container has no directory of its own: a small
 * file, which is written before the first step and removed after the last undo.
 * Runs on the host.
 *
 * The file is named ID.PID.START, with the process that it belongs to, so a
 * sweep does not open the files of living processes. A draft has the same name
 * after a dot.
 */

import { codeOf, readFile } from "../../cgroup/apply.ts";
import { type Descriptor, LOCK, O, open } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { syscall } from "../../ffi/libc.ts";
import type { HostRecord } from "../../plan/undo.ts";
import type { Ledger } from "./host_phase.ts";
import { startTime, thisProcess } from "./owner.ts";
import { makeStateDirectory } from "./state_place.ts";
import { takeBack } from "./undo.ts";

/** The result of a {@linkcode sweep}. */
export interface Swept {
  /** The names of the records whose undos were run. */
  removed: string[];
  /** Records that have to stay, with the reason. */
  failed: { name: string; error: unknown }[];
}

/** A record of this process in a directory. */
export class UndoFile implements Ledger {
  readonly #path: string;
  readonly #draft: string;

  constructor(readonly directory: string, id: string) {
    const { pid, startTime } = thisProcess();
    const name = `${id}.${pid}.${startTime}`;
    this.#path = `${directory}/${name}`;
    this.#draft = `${directory}/.${name}`;
  }

  intend(record: HostRecord): void {
    // Other users may look at the containers next to it.
    const above = this.directory.slice(0, this.directory.lastIndexOf("/"));
    makeStateDirectory(above, 0o711);
    makeStateDirectory(this.directory, 0o700);
    this.save(record);
  }

  save(record: HostRecord): void {
    Deno.writeTextFileSync(this.#draft, JSON.stringify(record), {
      mode: 0o600,
    });
    Deno.renameSync(this.#draft, this.#path);
  }

  settle(work: () => void): void {
    work();
    forget(this.#path);
  }
}

/**
 * Runs the undos of every record whose process is gone. A failure does not keep
 * it from the others.
 */
export function sweep(directory: string): Swept {
  const swept: Swept = { removed: [], failed: [] };
  for (const name of names(directory)) {
    const [, pid, time] = name.match(/\.(\d+)\.(\d+)$/) ?? [];
    if (pid !== undefined && startTime(Number(pid)) === time) continue;
    const path = `${directory}/${name}`;
    try {
      // A process that was killed before it finished its record.
      if (name.startsWith(".")) forget(path);
      else if (takeBackAt(path)) swept.removed.push(name);
    } catch (error) {
      swept.failed.push({ name, error });
    }
  }
  return swept;
}

/** Runs the undos of a record; false if another command is doing so. */
function takeBackAt(path: string): boolean {
  using lock = lockOf(path);
  const text = lock && readFile(path);
  if (text === null) return false;
  takeBack(JSON.parse(text));
  forget(path);
  return true;
}

/** Locks a record without waiting; null if it is gone or locked. */
function lockOf(path: string): Descriptor | null {
  let file: Descriptor | undefined;
  try {
    file = open(path, O.O_RDONLY | O.O_NOFOLLOW);
    syscall("flock", file.fd, LOCK.exclusive | LOCK.atOnce);
    return file;
  } catch (error) {
    file?.close();
    if (error instanceof SyscallError) return null;
    throw error;
  }
}

function names(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function forget(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
