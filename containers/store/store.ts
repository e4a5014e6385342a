/**
 * The containers on disk: one directory each, created exclusively, under the
 * state directory. A process is identified by pid and start time, because pids
 * are reused. Runs on the host, in the command's process.
 */

import { readFile } from "../../cgroup/apply.ts";
import type { CgroupState } from "../../cgroup/mod.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { signalProcess } from "../../ffi/pidfd.ts";
import { bootId, startTime } from "../../launch/host/owner.ts";
import { makeStateDirectory } from "../../launch/host/state_place.ts";
import type { HostRecord } from "../../plan/undo.ts";
import { ContainerError } from "../../spec/errors.ts";
import { exactIntegers, exactText } from "../../spec/exact_json.ts";
import { shown } from "../../spec/reader.ts";
import type { Spec } from "../../spec/types.ts";
import { fifoIn } from "../decide/start_fifo.ts";
import type { DailyRecord } from "./daily_record.ts";
import { checkId, isId } from "./container_id.ts";
import { draftRecord, readRecord } from "./record_file.ts";

/** The record of a container. */
export interface ContainerRecord {
  id: string;
  /** The bundle's directory, absolute. */
  bundle: string;
  /** Its first process on the host; 0 while the container is being created. */
  pid: number;
  /** The start time of that process, in ticks since boot. */
  startTime: string;
  /** Its process exists, but does not wait for `start` yet. */
  creating?: true;
  /** RFC 3339. */
  created: string;
  /** The user who created it. */
  uid: number;
  cgroup: CgroupState | null;
  /** What its start has changed on the host, and how to take it back. */
  host?: HostRecord;
  /**
   * Its root is a directory of its mount namespace, not that namespace's root.
   */
  chroot?: true;
  spec: Spec;
  /** The boot of its process. After a reboot the pid means nothing. */
  boot?: string;
  /** The part that only `run --detach` and `run --name` write. */
  daily?: DailyRecord;
}

/** The status values of the runtime-spec, and runc's `paused`. */
export type Status = "creating" | "created" | "running" | "paused" | "stopped";

const RECORD = "state.json";
const LOCK = "lock";
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Milliseconds between two attempts to lock. */
const LOCK_PAUSE = 5;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Whether a value is a record, with the members that all commands rely on. */
function isRecord(value: unknown): value is ContainerRecord {
  return isObject(value) && typeof value.id === "string" &&
    typeof value.pid === "number" && typeof value.created === "string" &&
    isObject(value.spec) && isObject(value.spec.root) &&
    isObject(value.spec.process) && isObject(value.spec.linux);
}

/** Only the limits of setrlimit(2) are exact beyond 53 bits. */
const exactLimits: typeof exactIntegers = (name, value, context) =>
  name === "soft" || name === "hard"
    ? exactIntegers(name, value, context)
    : value;

/** Parses the text of a record. */
function parseRecord(text: string, id: string): ContainerRecord {
  let problem = "it does not belong to a container";
  try {
    const record: unknown = JSON.parse(text, exactLimits);
    if (isRecord(record)) return record;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problem = error.message;
  }
  throw new ContainerError(`Cannot read the state of ${id}: ${problem}`, {
    hint: `\`container delete --force ${id}\` removes it.`,
  });
}

function isDead(pid: number): boolean {
  const state = readFile(`/proc/${pid}/status`)?.match(/^State:\s*(\w)/m)?.[1];
  return state === undefined || state === "Z" || state === "X";
}

/** Whether a recorded process is still alive, and is the same process. */
export function isAlive(
  { pid, startTime: time, boot }: Pick<
    ContainerRecord,
    "pid" | "startTime" | "boot"
  >,
): boolean {
  return pid > 0 && startTime(pid) === time && !isDead(pid) &&
    (boot === undefined || boot === bootId());
}

/** Sends a signal to a recorded process; false if it has ended. */
export const sendSignal = (
  process: Parameters<typeof isAlive>[0],
  signal: number,
): boolean =>
  process.pid > 0 &&
  signalProcess(process.pid, signal, () => isAlive(process));

/**
 * Waits for the lock of a container. Its previous holder may have removed the
 * container, and a new one may have the same id. Then the locked file is no
 * longer the one at the path, and the function tries again.
 */
function lockOf(directory: string): Deno.FsFile {
  const path = `${directory}/${LOCK}`;
  for (;;) {
    const file = Deno.openSync(path, {
      create: true,
      write: true,
      mode: 0o600,
    });
    try {
      file.lockSync(true);
      if (file.statSync().ino === Deno.statSync(path).ino) return file;
      file.close();
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

/**
 * Locks without waiting; null if another process has the lock, or this user may
 * not open it.
 */
function tryLockOf(directory: string): Descriptor | null {
  let file: Descriptor | undefined;
  try {
    file = open(`${directory}/${LOCK}`, O.O_WRONLY);
    syscall("flock", file.fd, LOCK_EX | LOCK_NB);
    return file;
  } catch (error) {
    file?.close();
    if (error instanceof SyscallError) return null;
    throw error;
  }
}

function isDirectory(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A container's directory. Usually it is locked against all other commands. */
export class Entry implements Disposable {
  readonly #lock: { close(): void } | null;

  /** @param lock a lock that is already held; null for an unlocked entry */
  constructor(
    readonly path: string,
    public record: ContainerRecord,
    lock: { close(): void } | null = lockOf(path),
  ) {
    this.#lock = lock;
  }

  /** The fifo that starts the container. It exists until then. */
  get fifo(): string {
    return fifoIn(this.path);
  }

  /** Writes a new record. */
  save(record: ContainerRecord): void {
    this.draft(record)();
  }

  /** Writes a draft of a record. The returned function makes it current. */
  draft(record: ContainerRecord): () => void {
    const spared = record.daily !== undefined;
    const force = draftRecord(this.path, exactText(record), spared);
    this.record = record;
    return force;
  }

  /** Whether its first process is alive. A zombie is not. */
  isAlive(): boolean {
    return isAlive(this.record);
  }

  /** Removes the record with its directory. */
  remove(): void {
    Deno.removeSync(this.path, { recursive: true });
  }

  [Symbol.dispose](): void {
    this.#lock?.close();
  }
}

/** All containers under a state directory. */
export class Store {
  constructor(readonly root: string) {}

  /** The directory of a container. */
  pathOf(id: string): string {
    return `${this.root}/${id}`;
  }

  /** Records a new container; throws if the id exists. */
  add(record: ContainerRecord): Entry {
    const entry = this.reserve(record);
    try {
      entry.save(record);
      return entry;
    } catch (error) {
      entry.remove();
      entry[Symbol.dispose]();
      throw error;
    }
  }

  /** Reserves an id before anything is made. The record is saved later. */
  reserve(record: ContainerRecord): Entry {
    checkId(record.id);
    makeStateDirectory(this.root, 0o711, true);
    const path = this.pathOf(record.id);
    try {
      Deno.mkdirSync(path, { mode: 0o711 });
      Deno.chmodSync(path, 0o711);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      throw new ContainerError(`container with id exists: ${record.id}`, {
        hint: "Delete it first, or choose another ID.",
      });
    }
    try {
      return new Entry(path, record);
    } catch (error) {
      Deno.removeSync(path, { recursive: true });
      throw error;
    }
  }

  /** The container, locked; throws if it does not exist. */
  open(id: string): Entry {
    const entry = this.find(id);
    if (entry) return entry;
    throw this.missing(id);
  }

  /**
   * The container without its lock; throws if it does not exist. For commands
   * that only read or are certain of its process, and for hooks, which run
   * while their command has the lock.
   */
  look(id: string): Entry {
    const entry = this.glance(id);
    if (entry) return entry;
    throw this.missing(id);
  }

  /** The container without its lock; null if it does not exist. */
  glance(id: string): Entry | null {
    checkId(id);
    const path = this.pathOf(id);
    const text = readRecord(path);
    if (text === null) return null;
    return new Entry(path, parseRecord(text, id), null);
  }

  /**
   * The error for a container that does not exist.
   */
  missing(id: string): ContainerError {
    const word = isId(id) ? id : shown(id);
    return new ContainerError(`container does not exist: ${word}`, {
      hint: this.isBroken(id)
        ? `A killed command left its directory behind: \`container delete --force ${id}\` removes it.`
        : "`container ps -a` lists the containers.",
    });
  }

  /** The container, locked; null if it does not exist. */
  find(id: string): Entry | null {
    checkId(id);
    const path = this.pathOf(id);
    const text = readRecord(path);
    if (text === null) return null;
    let entry: Entry | undefined;
    try {
      entry = new Entry(path, parseRecord(text, id));
      // Another command may have changed it while this one waited for the lock.
      entry.record = parseRecord(
        Deno.readTextFileSync(`${path}/${RECORD}`),
        id,
      );
      return entry;
    } catch (error) {
      entry?.[Symbol.dispose]();
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }

  /** The container, locked; null if it does not exist or the lock is taken. */
  tryFind(id: string): Entry | null {
    checkId(id);
    const path = this.pathOf(id);
    const lock = tryLockOf(path);
    const record = lock && this.peek(id);
    if (record) return new Entry(path, record, lock);
    lock?.close();
    return null;
  }

  /**
   * Waits for a container's lock, without blocking this thread: the holder of
   * the lock may be waiting for another container that this thread serves.
   */
  async openWhenFree(id: string): Promise<Entry> {
    for (;;) {
      const entry = this.tryFind(id);
      if (entry) return entry;
      // Reports what is wrong with it.
      if (!this.peek(id)) return this.open(id);
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE));
    }
  }

  /** The record, read without a lock; null if it cannot be read. */
  peek(id: string): ContainerRecord | null {
    if (!isId(id)) return null;
    const text = readFile(`${this.root}/${id}/${RECORD}`);
    if (text === null) return null;
    try {
      return parseRecord(text, id);
    } catch (error) {
      if (error instanceof ContainerError) return null;
      throw error;
    }
  }

  /** Whether the id has a directory without a readable record. */
  isBroken(id: string): boolean {
    return isId(id) && isDirectory(`${this.root}/${id}`) &&
      this.peek(id) === null;
  }

  /**
   * Removes the directory of a container without a readable record.
   *
   * @returns false if it has a record now: another command has just written it
   */
  discard(id: string): boolean {
    if (!this.isBroken(id)) return false;
    const path = this.pathOf(id);
    try {
      using _lock = lockOf(path);
      if (!this.isBroken(id)) return false;
      Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return true;
  }

  /** Whether a container with this id exists. */
  has(id: string): boolean {
    return isId(id) && readFile(`${this.root}/${id}/${RECORD}`) !== null;
  }

  /** The ids of all containers, sorted. */
  ids(): string[] {
    try {
      return [...Deno.readDirSync(this.root)]
        .filter(({ name, isDirectory }) => isDirectory && isId(name))
        .map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }
}
