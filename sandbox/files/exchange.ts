/**
 * The helper that works on the files of a sandbox: a small program that has
 * joined its user, mount and network namespaces, has the rights of a command, and makes
 * the system calls of one request after another (launch/native/files.c). Runs on
 * the host, in the program's process.
 */

import { EPOLL, forget, whenReady } from "../../ffi/epoll.ts";
import { ERRNO, errnoName, SyscallError } from "../../ffi/errno.ts";
import { Descriptor, moveUp, O, open } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { waitForEnd } from "../../ffi/pidfd.ts";
import { POLL, poll } from "../../ffi/poll.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { socketPair } from "../../ffi/socket.ts";
import { walkedSteps } from "../../launch/container.ts";
import { DESCRIPTOR } from "../../launch/lower/descriptors.ts";
import { FILES } from "../../launch/native/files_code.ts";
import { compileSteps, type Program } from "../../launch/program.ts";
import { executableFile } from "../../launch/walker.ts";
import { compileExec } from "../../plan/exec.ts";
import type { ProcessFacts } from "../../plan/facts.ts";
import type { Plan } from "../../plan/step.ts";
import { exactText } from "../../spec/exact_json.ts";
import { ConnectionClosedError } from "../errors.ts";
import { type Joiner, startJoining } from "../join.ts";
import type { Space } from "../space.ts";
import { FileAnswer, FileRequest, room } from "./request.ts";

/** Writes a request, and returns what reads its answer. */
export type Exchange<T> = (request: FileRequest) => (answer: FileAnswer) => T;

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_SIZE = 56;
const CONTROL_SIZE = 24;
const RIGHTS_SIZE = 20;

/**
 * How long this thread waits for an answer before it lets other work run, in
 * milliseconds. Nearly every answer comes within a tenth of that, and waiting
 * for it in another way takes longer.
 */
const AT_ONCE = 1;

/** How long the end of a helper is waited for, in milliseconds. */
const LAST_WAIT = 1000;

let executable: Descriptor | undefined;
const openHelper = () =>
  executable ??= moveUp(executableFile("files", FILES[Deno.build.arch].code));

interface Compiled {
  plan: Plan;
  program: Program;
}

/** The compiled plan of the last helper; most sandboxes have equal ones. */
let kept: { key: string; compiled: Compiled } | undefined;

/** A helper that runs. */
class Helper {
  readonly socket: Descriptor;
  readonly pid: number;
  /** Resolves when its process has ended. */
  readonly ended: Promise<unknown>;
  #closed = false;

  private constructor(pid: number, socket: Descriptor) {
    this.pid = pid;
    this.socket = socket;
    this.ended = waitForEnd(pid);
  }

  static async start(space: Space, joiner: Joiner): Promise<Helper> {
    const compiled = await planOf(joiner);
    using undo = new DisposableStack();
    const [ours, theirs] = socketPair();
    undo.use(theirs);
    const socket = undo.use(moveUp(ours));
    const none = undo.use(moveUp(open("/dev/null", O.O_RDWR)));
    using container = startJoining(space.pidfd, compiled, {
      0: theirs,
      1: none,
      2: none,
      [DESCRIPTOR.preserved]: openHelper(),
    });
    const helper = new Helper(container.pid, socket);
    undo.move();
    theirs.close();
    none.close();
    // Its lifeline closes with `container`: it has read it, or fails there.
    await container.isReady(() => {});
    if (container.walk.outcome().failure) {
      helper.close();
      await helper.ended;
      container.walk.check();
    }
    return helper;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    kill(this.pid, SIGNAL.SIGKILL);
    forget(this.socket.fd);
    this.socket.close();
  }
}

async function planOf(joiner: Joiner): Promise<Compiled> {
  const { spec, facts, joined } = await joiner.decided();
  const process = {
    ...spec.process,
    args: ["files"],
    env: [],
    cwd: "/",
    preserve: 1,
  };
  // It is no process of the sandbox, so its limits do not stop it.
  const own: ProcessFacts = {
    ...{ ...facts, serves: "files", cgroupEntry: null },
    // Standard input is the socket.
    ...{ nullStreams: [1, 2], ownStreams: [0] },
  };
  const entered = {
    ...joined,
    namespaces: joined.namespaces.filter((type) =>
      type === "user" || type === "mount" || type === "network"
    ),
  };
  const key = exactText([
    process,
    spec.linux.personality,
    own,
    entered.namespaces,
  ]);
  if (kept?.key !== key) {
    const plan = compileExec({ ...spec, process }, own, entered);
    kept = {
      key,
      compiled: { plan, program: compileSteps(walkedSteps(plan)) },
    };
  }
  return kept.compiled;
}

/** The files of one sandbox: starts a helper when one is needed. */
export class FileHelper {
  readonly #space: Space;
  readonly #joiner: Joiner;
  readonly #patience: number;
  #helper: Promise<Helper> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param patience how long an answer may take, in milliseconds */
  constructor(space: Space, joiner: Joiner, patience: number) {
    this.#space = space;
    this.#joiner = joiner;
    this.#patience = patience;
    space.atEnd(() => this.#close());
  }

  /**
   * Makes the calls of a request, after those of earlier ones.
   *
   * @param what the action, for errors
   * @throws {Deno.errors.TimedOut} if a file system does not answer
   */
  exchange<T>(
    what: string,
    write: Exchange<T>,
    descriptor?: Descriptor,
  ): Promise<T> {
    const result = this.#last.then(() =>
      this.#exchange(what, write, descriptor)
    );
    this.#last = result.catch(() => {});
    return result;
  }

  async #exchange<T>(
    what: string,
    write: Exchange<T>,
    descriptor?: Descriptor,
  ): Promise<T> {
    if (!this.#space.isAlive) throw ended(what);
    this.#helper ??= Helper.start(this.#space, this.#joiner);
    let helper: Helper;
    try {
      helper = await this.#helper;
    } catch (error) {
      this.#helper = undefined;
      throw this.#space.isAlive ? error : ended(what);
    }
    // No await between writing and sending: the room is shared.
    const request = new FileRequest();
    const read = write(request);
    const { fd } = helper.socket;
    send(fd, request.bytes, descriptor);
    if (!poll(fd, POLL.POLLIN, AT_ONCE)) {
      await this.#wait(helper, what);
    }
    const answer = receive(fd);
    if (answer) return read(answer);
    this.#forget(helper);
    throw this.#space.isAlive
      ? new Error(`Cannot ${what}: the helper was killed`)
      : ended(what);
  }

  async #wait(helper: Helper, what: string): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      forget(helper.socket.fd);
    }, this.#patience);
    try {
      await whenReady(helper.socket.fd, EPOLL.EPOLLIN);
    } finally {
      clearTimeout(timer);
    }
    if (!isLate) return;
    // It may hang in the kernel for ever, so nobody waits for its end.
    this.#forget(helper);
    throw new Deno.errors.TimedOut(
      `Cannot ${what}: the file system did not answer within ${
        this.#patience / 1000
      } seconds`,
    );
  }

  #forget(helper: Helper): void {
    helper.close();
    this.#helper = undefined;
  }

  async #close(): Promise<void> {
    const helper = await this.#helper?.catch(() => undefined);
    this.#helper = undefined;
    if (!helper) return;
    helper.close();
    // A file system that does not answer may hold it in the kernel.
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, LAST_WAIT);
    await Promise.race([helper.ended, late.promise]);
    clearTimeout(timer);
  }
}

const ended = (what: string) =>
  new ConnectionClosedError(what, "the sandbox has ended");

/**
 * The parts of a message. A call gets all of them as arguments, so that they
 * stay in memory until it returns; the kernel reads the first.
 */
function messageOf(length: number, control: Uint8Array) {
  const vector = new BigUint64Array([addressOf(room), BigInt(length)]);
  const parts = new Uint8Array(vector.buffer);
  const bytes = new Uint8Array(MSG_SIZE);
  const header = new DataView(bytes.buffer);
  header.setBigUint64(16, addressOf(parts), true);
  header.setBigUint64(24, 1n, true);
  if (control.length) {
    header.setBigUint64(32, addressOf(control), true);
    header.setBigUint64(40, BigInt(control.length), true);
  }
  return { bytes, header, parts };
}

function send(fd: number, request: Uint8Array, descriptor?: Descriptor): void {
  const control = new Uint8Array(descriptor ? CONTROL_SIZE : 0);
  if (descriptor) {
    const view = new DataView(control.buffer);
    view.setBigUint64(0, BigInt(RIGHTS_SIZE), true);
    view.setInt32(8, SOL_SOCKET, true);
    view.setInt32(12, SCM_RIGHTS, true);
    view.setInt32(16, descriptor.fd, true);
  }
  const { bytes, parts } = messageOf(request.length, control);
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const result = rawSyscall("sendmsg", fd, bytes, flags, parts, control);
  // A helper that was killed shows itself when its answer is read.
  const known = [ERRNO.EPIPE, ERRNO.ECONNRESET];
  if (result < 0 && !known.some((code) => code === -result)) {
    throw new SyscallError("sendmsg", errnoName(-result));
  }
}

/** Null if the helper has ended. */
function receive(fd: number): FileAnswer | null {
  const control = new Uint8Array(CONTROL_SIZE);
  const { bytes, header, parts } = messageOf(room.length, control);
  const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  const size = rawSyscall("recvmsg", fd, bytes, flags, parts, control);
  if (size <= 0) return null;
  const view = new DataView(control.buffer);
  const carries = header.getBigUint64(40, true) >= BigInt(RIGHTS_SIZE) &&
    view.getInt32(8, true) === SOL_SOCKET &&
    view.getInt32(12, true) === SCM_RIGHTS;
  return new FileAnswer(
    size,
    carries ? new Descriptor(view.getInt32(16, true)) : null,
  );
}
