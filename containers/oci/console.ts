/**
 * Where the container's terminal and the pidfd of its process go: to a socket
 * of the caller, or, for a terminal, to this process. Runs on the host, in the
 * command that creates the container or joins it.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { openPidfd } from "../../ffi/pidfd.ts";
import { connectUnix, sendDescriptor } from "../../ffi/unix_socket.ts";
import { ContainerError, SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

/** Takes the master side of a terminal, and closes it later. */
export type TakeTerminal = (master: Descriptor) => void;

/** The receiver of a terminal, open while the container is being created. */
export interface Console extends Disposable {
  take: TakeTerminal;
}

/** Discards the terminal. */
export const NOWHERE: Console = {
  take: (master) => master.close(),
  [Symbol.dispose]: () => {},
};

/**
 * Connects to the receiver of the terminal, before anything is created.
 *
 * @throws {SpecError} for a terminal without a receiver, or a receiver without
 * a terminal
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
      { hint: "Set process.terminal or remove --console-socket." },
    );
  }
  if (consoleSocket === undefined && takeTerminal) {
    return { take: takeTerminal, [Symbol.dispose]: () => {} };
  }
  if (consoleSocket === undefined) {
    throw new SpecError(
      "cannot allocate tty if container will detach without setting console socket",
      { hint: "Add --console-socket PATH." },
    );
  }
  return consoleAt(consoleSocket);
}

/** Connects to the receiver that listens at `--console-socket`. */
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

/** The receiver that listens at `--pidfd-socket`. */
export interface PidfdTaker extends Disposable {
  /** Sends a pidfd. Unlike a pid, it always means the same process. */
  send(pid: number): void;
}

/** Connects to the receiver of a pidfd, before anything is started. */
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
 * Connects to a socket of the caller.
 *
 * @param flag the flag or member that names it, for the error
 * @throws {ContainerError} if nobody listens
 */
export function connectTo(path: string, flag: string): Descriptor {
  try {
    return connectUnix(path);
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    throw new ContainerError(
      `Cannot connect to the socket ${path} of ${flag}: ${cause.code}`,
      { hint: "A program must listen there on a stream socket.", cause },
    );
  }
}
