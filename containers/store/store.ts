/**
 * The containers there are: a directory each, made exclusively, under the root
 * of the state. A process is known by its number and its start: a number is used
 * again. Runs on the host.
 */

import { readFile } from "../../cgroup/apply.ts";
import { startTime } from "../../cgroup/sweep.ts";
import type { CgroupState } from "../../cgroup/mod.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { signalProcess } from "../../ffi/pidfd.ts";
import { ContainerError } from "../../spec/errors.ts";
import { shown } from "../../spec/reader.ts";
import type { Spec } from "../../spec/types.ts";
import type { DailyRecord } from "./daily_record.ts";
import { checkId, isId } from "./container_id.ts";
import { draftRecord, readRecord } from "./record_file.ts";

/** What is kept of a container. */
export interface ContainerRecord {
  id: string;
  /** The bundle's directory, absolute. */
  bundle: string;
  /** Its first process on the host; 0 while it is being created. */
  pid: number;
  /** When that process started, in ticks since boot. */
  startTime: string;
  /** It is there, and not yet where it waits for `start`. */
  creating?: true;
  /** RFC 3339. */
  created: string;
  /** Whose it is. */
  uid: number;
  cgroup: CgroupState | null;
  /** Its directories in resctrl, linux.intelRdt. */
  rdt?: string[];
  /** Its root is a directory of its mount namespace, not that one's root. */
  chroot?: true;
  spec: Spec;
  /** The boot that its process is of: after another, the number says nothing. */
  boot?: string;
  /** What `run --detach` and `run --name` keep beside. */
  daily?: DailyRecord;
}

/** The states of runtime-spec, and runc's `paused`. */
export type Status = "creating" | "created" | "running" | "paused" | "stopped";

const RECORD = "state.json";
const FIFO = "start.fifo";
const LOCK = "lock";
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Between two tries to get a lock, in milliseconds. */
const LOCK_PAUSE = 5;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Whether what was read is a record, as far as every command relies on it. */
function isRecord(value: unknown): value is ContainerRecord {
  return isObject(value) && typeof value.id === "string" &&
    typeof value.pid === "number" && typeof value.created === "string" &&
    isObject(value.spec) && isObject(value.spec.root) &&
    isObject(value.spec.process) && isObject(value.spec.linux);
}

/** A record from its text. */
function parseRecord(text: string, id: string): ContainerRecord {
  let problem = "it is no container's";
  try {
    const record: unknown = JSON.parse(text);
    if (isRecord(record)) return record;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problem = error.message;
  }
  throw new ContainerError(`Cannot read the state of ${id}: ${problem}`, {
    hint: `\`container delete --force ${id}\` removes it.`,
  });
}

/** The number of this boot, proc_sys_kernel(5). */
export const bootId = () => readFile("/proc/sys/kernel/random/boot_id")?.trim();

function isDead(pid: number): boolean {
  const state = readFile(`/proc/${pid}/status`)?.match(/^State:\s*(\w)/m)?.[1];
  return state === undefined || state === "Z" || state === "X";
}

/** Whether a process that was recorded is still the same, and lives. */
export function isAlive(
  { pid, startTime: time, boot }: Pick<
    ContainerRecord,
    "pid" | "startTime" | "boot"
  >,
): boolean {
  return pid > 0 && startTime(pid) === time && !isDead(pid) &&
    (boot === undefined || boot === bootId());
}

/** Sends a signal to such a process; false where it has ended. */
export const sendSignal = (
  process: Parameters<typeof isAlive>[0],
  signal: number,
): boolean =>
  process.pid > 0 &&
  signalProcess(process.pid, signal, () => isAlive(process));

/**
 * Waits for a lock. Who had it may have removed the container, and another of
 * the same id may have come: then the file that was waited for locks nothing.
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

/** The same, at once; null where somebody has it, or it is not ours to have. */
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

/** One container's directory, as a rule locked against every other command on it. */
export class Entry implements Disposable {
  readonly #lock: { close(): void } | null;

  /** @param lock what was locked of it already; null for nothing */
  constructor(
    readonly path: string,
    public record: ContainerRecord,
    lock: { close(): void } | null = lockOf(path),
  ) {
    this.#lock = lock;
  }

  /** Through which it is started; gone once it is. */
  get fifo(): string {
    return `${this.path}/${FIFO}`;
  }

  /** Writes the record anew. */
  save(record: ContainerRecord): void {
    this.draft(record)();
  }

  /** Writes it aside; what is returned puts it into force. */
  draft(record: ContainerRecord): () => void {
    const spared = record.daily !== undefined;
    const force = draftRecord(this.path, JSON.stringify(record), spared);
    this.record = record;
    return force;
  }

  /** Whether its first process is there; one that is dead and not reaped is not. */
  isAlive(): boolean {
    return isAlive(this.record);
  }

  /** Forgets it. */
  remove(): void {
    Deno.removeSync(this.path, { recursive: true });
  }

  [Symbol.dispose](): void {
    this.#lock?.close();
  }
}

/** All containers under a root. */
export class Store {
  constructor(readonly root: string) {}

  /** Records a new one; fails where there is one of that id. */
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

  /** The same, with its record still to be saved: before anything of it is made. */
  reserve(record: ContainerRecord): Entry {
    checkId(record.id);
    Deno.mkdirSync(this.root, { recursive: true, mode: 0o711 });
    const path = `${this.root}/${record.id}`;
    try {
      Deno.mkdirSync(path, { mode: 0o711 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      throw new ContainerError(`container with id exists: ${record.id}`, {
        hint: "Delete it first, or take another id.",
      });
    }
    try {
      return new Entry(path, record);
    } catch (error) {
      Deno.removeSync(path, { recursive: true });
      throw error;
    }
  }

  /** A container that there is. */
  open(id: string): Entry {
    const entry = this.find(id);
    if (entry) return entry;
    throw this.missing(id, "`container list` shows those that do.");
  }

  /**
   * A container that there is, without its lock: for who only looks, or knows a
   * process for certain. A hook may do that while who runs it has the lock.
   */
  look(id: string): Entry {
    const entry = this.glance(id);
    if (entry) return entry;
    throw this.missing(id, "`container list` shows those that do.");
  }

  /** The same; null where there is none. */
  glance(id: string): Entry | null {
    checkId(id);
    const path = `${this.root}/${id}`;
    const text = readRecord(path);
    if (text === null) return null;
    return new Entry(path, parseRecord(text, id), null);
  }

  /**
   * The error of one that there is not.
   *
   * @param hint where to look, if nothing of it is left
   */
  missing(id: string, hint: string): ContainerError {
    const word = isId(id) ? id : shown(id);
    return new ContainerError(`container does not exist: ${word}`, {
      hint: this.isBroken(id)
        ? `A command that was killed has left its directory: \`container delete --force ${id}\` removes it.`
        : hint,
    });
  }

  /** The same; null where there is none. */
  find(id: string): Entry | null {
    checkId(id);
    const path = `${this.root}/${id}`;
    const text = readRecord(path);
    if (text === null) return null;
    let entry: Entry | undefined;
    try {
      entry = new Entry(path, parseRecord(text, id));
      // What another command wrote while this one waited for the lock.
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

  /** The same, where its lock is free; null where it is not, as well. */
  tryFind(id: string): Entry | null {
    checkId(id);
    const path = `${this.root}/${id}`;
    const lock = tryLockOf(path);
    const record = lock && this.peek(id);
    if (record) return new Entry(path, record, lock);
    lock?.close();
    return null;
  }

  /**
   * A container that there is, once its lock is free. Meanwhile this thread goes
   * on with other containers: whoever has the lock may wait for one of them.
   */
  async openWhenFree(id: string): Promise<Entry> {
    for (;;) {
      const entry = this.tryFind(id);
      if (entry) return entry;
      // Says what is wrong with it.
      if (!this.peek(id)) return this.open(id);
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE));
    }
  }

  /**
   * What is written of a container, without a lock: for who only looks. Null
   * where it cannot be read.
   */
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

  /** Whether there is a directory of this id without a record that can be read. */
  isBroken(id: string): boolean {
    return isId(id) && isDirectory(`${this.root}/${id}`) &&
      this.peek(id) === null;
  }

  /**
   * Removes the directory of a container of which nothing is known any more.
   *
   * @returns whether it was one: what another command is just making is not
   */
  discard(id: string): boolean {
    if (!this.isBroken(id)) return false;
    const path = `${this.root}/${id}`;
    try {
      using _lock = lockOf(path);
      if (!this.isBroken(id)) return false;
      Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return true;
  }

  /** Whether there is a container of this id. */
  has(id: string): boolean {
    return isId(id) && readFile(`${this.root}/${id}/${RECORD}`) !== null;
  }

  /** Their ids, in order. */
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
