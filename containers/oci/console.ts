/**
 * Who gets the container's terminal and a pidfd of its process: a caller's
 * socket, or of a terminal this process. Runs on the host, in the command that
 * creates the container.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { openPidfd } from "../../ffi/pidfd.ts";
import { connectUnix, sendDescriptor } from "../../ffi/unix_socket.ts";
import { ContainerError, SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

/** Takes the master side of a terminal, and closes it some time. */
export type TakeTerminal = (master: Descriptor) => void;

/** A way for the terminal, open as long as the container is being created. */
export interface Console extends Disposable {
  take: TakeTerminal;
}

/** Nobody has it. */
export const NOWHERE: Console = {
  take: (master) => master.close(),
  [Symbol.dispose]: () => {},
};

/**
 * Whether what comes out of a terminal is relayed by this process, and to no
 * terminal: it is then to end its lines as a program without one does. On a
 * terminal of ours the container's own returns the carriage, which programs
 * that draw count on; who takes one by a socket sets it as they like.
 */
export const isPlain = (
  { consoleSocket, detach }: { consoleSocket?: string; detach?: boolean },
): boolean =>
  consoleSocket === undefined && !detach && !Deno.stdout.isTerminal();

/**
 * Connects to who takes the terminal, before anything is made.
 *
 * @throws {SpecError} where a terminal has no taker, or a taker no terminal
 */
export function connectConsole(
  { spec, consoleSocket, takeTerminal }: {
    spec: Spec;
    consoleSocket?: string;
    takeTerminal?: TakeTerminal;
  },
): Console {
  if (!spec.process.terminal) {
    if (consoleSocket === undefined) return NOWHERE;
    throw new SpecError(
      "cannot use console socket if container will not allocate tty",
      { hint: "Set process.terminal, or leave out --console-socket." },
    );
  }
  if (consoleSocket === undefined && takeTerminal) {
    return { take: takeTerminal, [Symbol.dispose]: () => {} };
  }
  if (consoleSocket === undefined) {
    throw new SpecError(
      "cannot allocate tty if container will detach without setting console socket",
      { hint: "Give --console-socket PATH." },
    );
  }
  return consoleAt(consoleSocket);
}

/** Who listens at the socket of `--console-socket` has it. */
export function consoleAt(path: string): Console {
  const socket = connectTo(path, "--console-socket");
  return {
    take(master) {
      using _sent = master;
      sendDescriptor(socket.fd, master.fd, "/dev/ptmx");
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/** Who listens at the socket of `--pidfd-socket`. */
export interface PidfdTaker extends Disposable {
  /** A number is used again, a pidfd never leads to another process. */
  send(pid: number): void;
}

/** Connects to who takes a pidfd, before anything is started. */
export function connectPidfd(path: string): PidfdTaker {
  const socket = connectTo(path, "--pidfd-socket");
  return {
    send(pid) {
      using pidfd = openPidfd(pid);
      sendDescriptor(socket.fd, pidfd.fd, "pidfd");
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/**
 * Connects to a socket of the caller's.
 *
 * @param flag what names it, for the error
 */
export function connectTo(path: string, flag: string): Descriptor {
  try {
    return connectUnix(path);
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    throw new ContainerError(
      `Cannot connect to the socket ${path} of ${flag}: ${cause.code}`,
      { hint: "Somebody has to listen there, on a stream socket.", cause },
    );
  }
}
