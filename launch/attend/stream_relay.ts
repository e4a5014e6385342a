/**
 * Copies between files of the host and the pipes that a command gets in their
 * place. Runs in the parent, on the host: in the waiting command, or in a
 * program that uses the library.
 *
 * Our pipe ends never block, and calls that may wait for a disk run on another
 * thread. The bytes are copied and not spliced: spliced pages of the host's
 * file would be in the command's pipe, and a kernel bug has let the owner of
 * such a pipe write to them (CVE-2022-0847).
 */

import { EPOLL, forget, whenReady } from "../../ffi/epoll.ts";
import { ERRNO, errnoName, errnoText } from "../../ffi/errno.ts";
import { type Descriptor, seekBack, unreadBytes } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { readInBackground, writeInBackground } from "../../ffi/poll.ts";
import { SIGNAL, type SignalName } from "../../ffi/signal.ts";
import { streamNames } from "../../plan/process/streams.ts";
import { ContainerError, EXIT } from "../../spec/errors.ts";
import { PIPE_SIZE, type RelayPipe } from "../host/relay_pipe.ts";
import { endingName } from "./early_end.ts";

/** A pipe, and what is copied through it. */
interface Copied extends Pick<RelayPipe, "step" | "file" | "end" | "look"> {
  /** The number of bytes read from the file and not yet written to the pipe. */
  waiting: number;
  /** Settled when nothing uses the file any more. */
  job: Promise<void>;
  closed: boolean;
}

/** The first failure. */
interface Failure {
  descriptors: readonly number[];
  code: ReturnType<typeof errnoName>;
}

/**
 * The time in milliseconds that a file system may take to answer at the end.
 */
const GRACE = 1000;

/** Copies until the command has ended and its output is copied. */
export class StreamRelay implements Disposable {
  /** The container's ends, by descriptor number in the container. */
  readonly theirs: Record<number, Descriptor> = {};
  readonly #copied: Copied[] = [];
  readonly #stopped = Promise.withResolvers<SignalName>();
  #failure: Failure | undefined;
  #finishing = false;

  /** Takes over the pipes of a host phase; null if there are none. */
  static of(pipes: readonly RelayPipe[]): StreamRelay | null {
    return pipes.length ? new StreamRelay(pipes) : null;
  }

  private constructor(pipes: readonly RelayPipe[]) {
    for (const { step, theirs, end, file, look } of pipes) {
      for (const fd of step.descriptors) this.theirs[fd] = theirs;
      this.#copied.push({
        ...{ step, end, file, look, waiting: 0, closed: false },
        job: Promise.resolve(),
      });
    }
  }

  /** Begins copying. PID 1 must have its ends by now. */
  begin(): void {
    this.#closeTheirs();
    for (const copied of this.#copied) {
      const { input } = copied.step;
      copied.job = (input ? this.#fill(copied) : this.#empty(copied))
        .catch((error) => this.#fail(copied, error))
        .finally(() => closeEnd(copied));
    }
  }

  /**
   * Finishes after the command has ended. Input that it has not read stays in
   * its file. Its output is copied until the end of the pipe, which comes when
   * no process holds the pipe any more.
   *
   * @param status the command's exit status
   * @returns the error to report if bytes were lost; it has the command's
   * status, unless that is success
   */
  async finish(status: number): Promise<ContainerError | null> {
    this.#finishing = true;
    const inputs = this.#copied.filter(({ step }) => step.input);
    const outputs = this.#copied.filter(({ step }) => !step.input);
    const late = delay(GRACE);
    await Promise.race([Promise.all(inputs.map(putBack)), late.passed]);
    late.cancel();
    const signal = await Promise.race([
      Promise.all(outputs.map(({ job }) => job)).then(() => null),
      this.#stopped.promise,
    ]);
    if (signal) {
      return stopped(outputs.flatMap(({ step }) => step.descriptors), signal);
    }
    const failure = this.#failure;
    return failure ? lost(failure.descriptors, failure.code, status) : null;
  }

  /**
   * Call this for each signal. An ending signal stops the wait for output, if
   * that is all we wait for.
   */
  seen(signal: number): void {
    const name = endingName(signal);
    if (this.#finishing && name) this.#stopped.resolve(name);
  }

  async #fill(copied: Copied): Promise<void> {
    const { file, end } = copied;
    const buffer = new Uint8Array(PIPE_SIZE);
    while (!copied.closed) {
      const count = await transfer("read", file.fd, buffer);
      if (count === 0) return;
      copied.waiting = count;
      for (let rest = buffer.subarray(0, count); rest.length;) {
        // The command has ended: this is put back with the rest.
        if (copied.closed) return;
        const written = rawSyscall("write", end.fd, rest, rest.length);
        if (written >= 0) {
          copied.waiting -= written;
          rest = rest.subarray(written);
        } else if (-written === ERRNO.EAGAIN) {
          await whenReady(end.fd, EPOLL.EPOLLOUT);
        } else if (-written !== ERRNO.EINTR) throw new Broken(-written);
      }
    }
  }

  async #empty(copied: Copied): Promise<void> {
    const { file, end } = copied;
    const buffer = new Uint8Array(PIPE_SIZE);
    while (!copied.closed) {
      const count = rawSyscall("read", end.fd, buffer, buffer.length);
      if (count === 0) return;
      if (count > 0) {
        for (let rest = buffer.subarray(0, count); rest.length;) {
          const written = await transfer("write", file.fd, rest);
          if (!written) throw new Broken(ERRNO.ENOSPC);
          rest = rest.subarray(written);
        }
      } else if (-count === ERRNO.EAGAIN) {
        await whenReady(end.fd, EPOLL.EPOLLIN);
      } else if (-count !== ERRNO.EINTR) throw new Broken(-count);
    }
  }

  #fail({ step, closed }: Copied, error: unknown): void {
    if (closed) return;
    if (!(error instanceof Broken)) throw error;
    const { descriptors } = step;
    this.#failure ??= { descriptors, code: errnoName(error.errno) };
  }

  #closeTheirs(): void {
    for (const descriptor of Object.values(this.theirs)) descriptor.close();
  }

  [Symbol.dispose](): void {
    this.#closeTheirs();
    for (const copied of this.#copied) {
      closeEnd(copied);
      copied.look?.close();
      // Another thread may be about to use the file; after a close, its number
      // could belong to another file.
      copied.job.finally(() => copied.file.close());
    }
  }
}

/** read(2) or write(2) failed. */
class Broken extends Error {
  constructor(readonly errno: number) {
    super();
  }
}

/** Transfers bytes on another thread, since a disk may be slow. */
async function transfer(
  call: "read" | "write",
  fd: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<number> {
  const inBackground = call === "read" ? readInBackground : writeInBackground;
  for (;;) {
    const count = await inBackground(fd, bytes);
    if (count >= 0) return count;
    // errno belongs to the other thread, so the call is repeated here to learn
    // the error.
    const again = rawSyscall(call, fd, bytes, bytes.length);
    if (again >= 0) return again;
    if (-again !== ERRNO.EINTR) throw new Broken(-again);
  }
}

/**
 * Sets the file offset to the first byte that the command has not read, for the
 * next reader.
 */
async function putBack(copied: Copied): Promise<void> {
  const { look, file } = copied;
  closeEnd(copied);
  await copied.job;
  if (look) seekBack(file, copied.waiting + unreadBytes(look));
}

/** A timeout in milliseconds that can be cancelled. */
function delay(time: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, time);
  return { passed: promise, cancel: () => clearTimeout(timer) };
}

function closeEnd(copied: Copied): void {
  if (copied.closed) return;
  copied.closed = true;
  forget(copied.end.fd);
  copied.end.close();
}

/** The error for a signal that arrived before all output was copied. */
export function stopped(
  descriptors: readonly number[],
  signal: SignalName,
): ContainerError {
  return new ContainerError(
    `Cannot write all of ${streamNames(descriptors)}: interrupted by ${signal}`,
    {
      hint:
        "The command has ended. Perhaps a process that it started is still running, or a file system does not respond.",
      status: EXIT.signalBase + SIGNAL[signal],
    },
  );
}

/** The error for a file that cannot be read, or cannot take more. */
export function lost(
  descriptors: readonly number[],
  code: ReturnType<typeof errnoName>,
  status: number,
): ContainerError {
  const names = streamNames(descriptors);
  const isInput = descriptors[0] === 0;
  return new ContainerError(
    `Cannot ${isInput ? "read" : "write"} ${names} for the command: ${
      errnoText(code)
    }`,
    {
      hint: isInput
        ? "The command did not get the rest of its input."
        : "The rest of the output is lost.",
      status: status || EXIT.failure,
    },
  );
}
