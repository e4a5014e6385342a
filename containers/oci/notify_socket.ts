/**
 * sd_notify(3) for a container: if NOTIFY_SOCKET is set for this program, the
 * container gets its own socket, and its readiness is passed on. Nothing else
 * is passed on, because then a container could give orders to the service
 * manager. Runs on the host, in the start command. Loaded only if the variable
 * is set.
 */

import { type Descriptor, O, open, writeAll } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { POLL, poll, readInBackground } from "../../ffi/poll.ts";
import { bindDatagram, connectDatagram } from "../../ffi/unix_socket.ts";
import { NOTIFY_SOCKET_NAME, notifyDirectory } from "../decide/oci/notify.ts";
import type { Warn } from "./hooks/hooks.ts";
import type { Entry } from "../store/store.ts";

/** Milliseconds between two checks whether the container has ended. */
const LOOK = 100;

const MESSAGE_SIZE = 4096;

/** Passes the readiness of the container on to the host's socket. */
export class NotifyRelay implements Disposable {
  readonly #inside: Descriptor;
  readonly #host: string;
  readonly #warn: Warn;

  private constructor(inside: Descriptor, host: string, warn: Warn) {
    this.#inside = inside;
    this.#host = host;
    this.#warn = warn;
  }

  /**
   * In start: creates the socket; null if create has mounted no directory for
   * it.
   */
  static open(entry: Entry, host: string, warn: Warn): NotifyRelay | null {
    let directory: Descriptor;
    try {
      directory = open(notifyDirectory(entry.path), O.O_PATH | O.O_DIRECTORY);
    } catch (error) {
      if (error instanceof SyscallError && error.code === "ENOENT") return null;
      throw error;
    }
    using _closed = directory;
    // The real path can be longer than a socket address allows.
    const path = `/proc/self/fd/${directory.fd}/${NOTIFY_SOCKET_NAME}`;
    try {
      // Left by a start command that was killed.
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const socket = bindDatagram(path);
    Deno.chmodSync(path, 0o777);
    return new NotifyRelay(socket, host, warn);
  }

  /**
   * Waits until the container is ready or has ended, and passes readiness on.
   */
  async finish(pid: number, isAlive: () => boolean): Promise<void> {
    const bytes = new Uint8Array(MESSAGE_SIZE);
    while (isAlive()) {
      if (!poll(this.#inside.fd, POLL.POLLIN, LOOK)) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        continue;
      }
      const size = await readInBackground(this.#inside.fd, bytes);
      const lines = new TextDecoder().decode(bytes.subarray(0, size))
        .split("\n");
      if (!lines.includes("READY=1")) continue;
      this.#tell(`READY=1\nMAINPID=${pid}\n`);
      return;
    }
  }

  #tell(text: string): void {
    try {
      using host = connectDatagram(this.#host);
      writeAll(host.fd, new TextEncoder().encode(text));
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.#warn(
        `cannot notify ${this.#host} that the container is ready: ${error.code}`,
      );
    }
  }

  [Symbol.dispose](): void {
    this.#inside.close();
  }
}
