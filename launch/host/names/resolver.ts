/**
 * The resolver of all networks (network/dns/native/resolver.c): starts it with
 * the first container that it serves, and again if it was killed. Runs on the
 * host, in the parent.
 */

import { type Descriptor, moveUp, O, open } from "../../../ffi/fcntl.ts";
import { SyscallError } from "../../../ffi/errno.ts";
import { syscall } from "../../../ffi/libc.ts";
import { openPidfd } from "../../../ffi/pidfd.ts";
import { spawn } from "../../../ffi/spawn.ts";
import {
  connectPackets,
  listenPackets,
  sendDescriptors,
} from "../../../ffi/unix_socket.ts";
import { wait } from "../../../ffi/wait.ts";
import {
  listRegistrations,
  type RecordedRegistration,
  recordRegistration,
} from "../../../network/dns/records.ts";
import { RESOLVER } from "../../../network/dns/native/resolver_code.ts";
import { encodeRegistration } from "../../../network/dns/registration.ts";
import { makeSockets } from "../../../network/dns/sockets.ts";
import { viewOf } from "../../../network/netlink/message.ts";
import { lockFile, removeIfThere } from "../../../network/records/files.ts";
import type { Owner } from "../../../plan/undo.ts";
import { ContainerError } from "../../../spec/errors.ts";
import { executableFile } from "../../walker.ts";
import { bootId, startTime } from "../owner.ts";

/** What ps(1) shows. */
const NAME = "container-resolver";
const SOCKET = "socket";
/** The descriptors that the resolver starts with. */
const KEPT = { control: 3, lock: 4 } as const;
const ANSWER = 4;

/**
 * Makes the resolver serve a container, or changes what it knows of it.
 *
 * @param directory the resolver's directory
 * @throws {ContainerError} if it cannot be started, or refuses
 */
export function serveNames(
  directory: string,
  registration: RecordedRegistration["registration"],
  pid: number,
): void {
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const process: Owner = {
    pid,
    startTime: startTime(pid) ?? "",
    boot: bootId() ?? "",
  };
  using resolver = Resolver.open(directory);
  recordRegistration(directory, { registration, process });
  resolver.register({ registration, process });
}

/**
 * Starts the resolver again if it was killed, with the containers that run.
 * Usually it costs a connection.
 */
export function mendResolver(directory: string): void {
  if (answers(directory)) return;
  if (!listRegistrations(directory).some(isAlive)) return;
  using _resolver = Resolver.open(directory);
}

const isAlive = ({ process }: RecordedRegistration) =>
  process.boot === (bootId() ?? "") &&
  startTime(process.pid) === process.startTime;

/** Runs work with the path of the socket; those of unix(7) have to be short. */
function atSocket<T>(path: string, work: (path: string) => T): T {
  using directory = open(path, O.O_PATH | O.O_DIRECTORY);
  return work(`/proc/self/fd/${directory.fd}/${SOCKET}`);
}

function answers(directory: string): boolean {
  try {
    atSocket(directory, connectPackets).close();
    return true;
  } catch (error) {
    if (
      error instanceof SyscallError &&
      ["ENOENT", "ECONNREFUSED"].includes(error.code)
    ) return false;
    throw error;
  }
}

/** The running resolver, which does not end while this is open. */
class Resolver implements Disposable {
  readonly #directory: string;
  readonly #held = new DisposableStack();

  private constructor(directory: string) {
    this.#directory = directory;
    this.#held.use(lockFile(`${directory}/lock`));
  }

  /** Starts it if it does not run. */
  static open(directory: string): Resolver {
    const resolver = new Resolver(directory);
    try {
      if (!answers(directory)) resolver.#start();
      return resolver;
    } catch (error) {
      resolver[Symbol.dispose]();
      throw error;
    }
  }

  #start(): void {
    removeIfThere(`${this.#directory}/${SOCKET}`);
    using held = new DisposableStack();
    const hold = (descriptor: Descriptor) => held.use(moveUp(descriptor));
    const none = hold(open("/dev/null", O.O_RDWR));
    const control = hold(atSocket(this.#directory, listenPackets));
    // Another open of the file: its lock is not ours.
    const lock = hold(open(`${this.#directory}/lock`, O.O_RDWR));
    const executable = hold(
      executableFile(NAME, RESOLVER[Deno.build.arch].code),
    );
    const pid = spawn(
      `/proc/self/fd/${executable.fd}`,
      [NAME, `${this.#directory}/${SOCKET}`],
      {
        0: none.fd,
        1: none.fd,
        2: none.fd,
        [KEPT.control]: control.fd,
        [KEPT.lock]: lock.fd,
      },
    );
    // It goes on in a child of its own.
    const ended = wait(pid);
    // With our copy of the socket closed, connecting fails if it has ended.
    held.dispose();
    if (!ended || !("exited" in ended) || ended.exited) {
      throw new ContainerError("Cannot start the resolver: it ended at once");
    }
    for (const recorded of listRegistrations(this.#directory)) {
      if (!isAlive(recorded)) continue;
      try {
        this.register(recorded);
      } catch {
        // It has ended meanwhile, or the limit on open files is reached.
      }
    }
  }

  /** Registers a container with the sockets that it gets. */
  register({ registration, process: { pid } }: RecordedRegistration): void {
    using process = openPidfd(pid);
    using namespace = open(`/proc/${pid}/ns/net`, O.O_RDONLY);
    using sockets = makeSockets(namespace);
    using connection = atSocket(this.#directory, connectPackets);
    const { udp, tcp, filter } = sockets;
    sendDescriptors(
      connection.fd,
      [process, udp, tcp, ...registration.rules ? [filter] : []]
        .map(({ fd }) => fd),
      encodeRegistration(registration),
    );
    const answer = new Uint8Array(ANSWER);
    const got = syscall(
      "recvfrom",
      connection.fd,
      answer,
      ANSWER,
      0,
      null,
      null,
    );
    const error = got === ANSWER ? viewOf(answer).getUint32(0, true) : -1;
    if (!error) return;
    throw new ContainerError(
      error < 0
        ? "Cannot tell the resolver about the container: it has ended"
        : "Cannot tell the resolver about the container: it serves as many containers as it can",
      {
        hint: error < 0
          ? "Start the container again."
          : "Raise the limit on open files (ulimit -Hn), or stop other containers.",
      },
    );
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}
