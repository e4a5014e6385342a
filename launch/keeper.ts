/**
 * Starts the keeper (launch/native/keeper.c): the parent of a container that
 * outlives the command which starts it. Runs on the host, in that command.
 */

import { toBytes } from "../ffi/text.ts";
import { type Descriptor, memoryFile, moveUp, O, open } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { kill, SIGNAL } from "../ffi/signal.ts";
import { socketPair } from "../ffi/socket.ts";
import { wait } from "../ffi/wait.ts";
import { PRESERVED_FROM } from "../plan/mounts/host_mounts.ts";
import { ContainerError } from "../spec/errors.ts";
import { KEEPER } from "./native/keeper_code.ts";
import { HEADER } from "./bytecode/layout.ts";
import type { Program } from "./program.ts";
import { executableFile, openWalker, type Walk } from "./walker.ts";

export const KEEPER_MAGIC = 0x5045454b;
export const CONFIG_SIZE = 16384;
const REPORT_SIZE = 16;

/** Offsets in the configuration that launch/native/keeper.c reads. */
export const CONFIG = {
  magic: 0,
  flags: 4,
  pidAt: 8,
  logMax: 16,
  delay: 24,
  calm: 32,
  argc: 40,
  envc: 44,
  words: 48,
} as const;
export const INTERACTIVE = 2;
/** The largest number of words in its command and environment together. */
export const MAX_WORDS = 64;

/**
 * Descriptor numbers of the keeper. They are above every number that a command
 * may keep.
 */
export const KEPT = {
  config: PRESERVED_FROM,
  control: PRESERVED_FROM + 1,
  directory: PRESERVED_FROM + 2,
  walker: PRESERVED_FROM + 3,
} as const;

/** What a keeper does. */
export interface KeeperOptions {
  /** The name that ps(1) shows. */
  name: string;
  /** The directory for `log`, `log.1` and `exit`. */
  directory: Descriptor;
  /** The command's standard input stays open, although nobody writes to it. */
  interactive: boolean;
  /**
   * Maximum size of a log file in bytes; then a new one begins. 0 means no
   * limit.
   */
  logMax: number;
  /**
   * The command that the keeper executes when the container has ended. Without
   * it, the keeper exits.
   */
  then?: {
    argv: string[];
    env: string[];
    /** Milliseconds to wait before that. */
    delay: number;
    /** Milliseconds to wait if the container ran for ten seconds or more. */
    calm: number;
  };
}

/**
 * A keeper process. If it is disposed of before {@linkcode Keeper.keep} was
 * called, the keeper kills the container that it started.
 */
export class Keeper implements Disposable {
  readonly #options: KeeperOptions;
  readonly #control: [ours: Descriptor, theirs: Descriptor];
  readonly #held = new DisposableStack();
  #pid = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    const [ours, theirs] = socketPair();
    this.#control = [
      this.#held.use(moveUp(ours)),
      this.#held.use(moveUp(theirs)),
    ];
  }

  /** The keeper's pid on the host. */
  get pid(): number {
    return this.#pid;
  }

  /** The socket through which the keeper receives the container's terminal. */
  get control(): number {
    return this.#control[0].fd;
  }

  /**
   * The descriptors and arguments to start the keeper with, for a walk of this
   * program.
   */
  prepare(program: Program) {
    const hold = (descriptor: Descriptor) => this.#held.use(descriptor);
    const config = memoryFile("keeper-config", this.#config(program));
    const none = hold(moveUp(open("/dev/null", O.O_RDWR)));
    const fds: Record<number, Descriptor> = {
      0: none,
      1: none,
      2: none,
      [KEPT.config]: hold(moveUp(config)),
      [KEPT.control]: this.#control[1],
      [KEPT.directory]: this.#options.directory,
      [KEPT.walker]: openWalker(),
    };
    return {
      fds,
      executable: hold(
        moveUp(executableFile("keeper", KEEPER[Deno.build.arch].code)),
      ),
      argv: ["container-keeper", this.#options.name],
    };
  }

  #config({ slots }: Program): Uint8Array {
    const { interactive, logMax, then } = this.#options;
    const bytes = new Uint8Array(CONFIG_SIZE);
    const view = new DataView(bytes.buffer);
    view.setUint32(CONFIG.magic, KEEPER_MAGIC, true);
    view.setUint32(CONFIG.flags, interactive ? INTERACTIVE : 0, true);
    view.setBigUint64(
      CONFIG.pidAt,
      BigInt(HEADER.slots + 8 * (slots.pid ?? 0)),
      true,
    );
    view.setBigUint64(CONFIG.logMax, BigInt(logMax), true);
    if (!then) return bytes;
    view.setBigUint64(CONFIG.delay, BigInt(then.delay), true);
    view.setBigUint64(CONFIG.calm, BigInt(then.calm), true);
    view.setUint32(CONFIG.argc, then.argv.length, true);
    view.setUint32(CONFIG.envc, then.env.length, true);
    const words = [...then.argv, ...then.env];
    const text = toBytes(words.map((w) => `${w}\0`).join(""));
    if (
      words.length > MAX_WORDS || CONFIG.words + text.length >= CONFIG_SIZE
    ) {
      throw new ContainerError(
        "Cannot start the container's keeper: the command that it runs at the end is too long",
        { hint: "Use a shorter path for --root." },
      );
    }
    bytes.set(text, CONFIG.words);
    return bytes;
  }

  /**
   * Waits until PID 1 exists; returns its pid.
   *
   * @throws the error of the step that failed
   */
  clonedPid(walking: Walk): number {
    this.#pid = walking.pid;
    // While our copy is open, a read of the other end cannot see that the
    // keeper has ended.
    this.#control[1].close();
    const report = new Uint8Array(REPORT_SIZE);
    const count = syscall("read", this.control, report, REPORT_SIZE);
    const view = new DataView(report.buffer);
    if (count === REPORT_SIZE && view.getInt32(0, true) === 0) {
      return Number(view.getBigInt64(8, true));
    }
    walking.check();
    throw new ContainerError(
      "Cannot start the container: its first process, or its keeper, was killed",
      {
        hint:
          "Perhaps the limit on processes is reached (ulimit -u, and pids.max of the cgroup), or the machine is out of memory; see dmesg.",
      },
    );
  }

  /**
   * Tells the keeper that the container is recorded: from now on it works
   * without us.
   */
  keep(): void {
    syscall("write", this.control, toBytes("k"), 1);
  }

  /** Kills the keeper, so it does nothing after the container's end. */
  end(): void {
    this[Symbol.dispose]();
    if (!this.#pid) return;
    kill(this.#pid, SIGNAL.SIGKILL);
    wait(this.#pid);
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}
