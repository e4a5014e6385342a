/**
 * attach: the user's streams at a container in the background. What it writes is
 * followed in its log; what is typed goes straight to its terminal or its input,
 * whose descriptor its keeper gives out (launch/keeper.c). Runs on the host.
 */

import {
  type Descriptor,
  O,
  open,
  setNonBlocking,
  writeAll,
} from "../../ffi/fcntl.ts";
import { ERRNO, SyscallError } from "../../ffi/errno.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, readInBackground, waitForOne } from "../../ffi/poll.ts";
import { receive } from "../../ffi/socket.ts";
import { connectUnix } from "../../ffi/unix_socket.ts";
import { DetachKeys } from "../../launch/detach_keys.ts";
import { forwardSignals } from "../../launch/forward_signals.ts";
import { OuterTerminal } from "../../launch/outer_terminal.ts";
import { FORWARDED } from "../../plan/child.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Store } from "../oci/store.ts";
import { statusOfEnd } from "./await_end.ts";
import { type LogEntry, readLog } from "./logs.ts";
import { isKept, look } from "./view.ts";

const STDIN = 0;
const BUFFER = 4096;
/** How often the log is looked at while somebody may type, in milliseconds. */
const ATTENTION = 10;
/** The first byte of what the keeper says: the descriptor is a terminal's. */
const TERMINAL = "t".charCodeAt(0);
/** Ctrl-D, what a new terminal has as VEOF, termios(3). */
const END_OF_FILE = Uint8Array.of(4);

/** How somebody attaches. */
export interface AttachOptions {
  /** The keys that leave it alone. */
  keys: Uint8Array;
  /** Nothing is typed. */
  noInput: boolean;
  /** From the first line of its log on, rather than what is written from now on. */
  whole: boolean;
  write: (entry: LogEntry) => void;
}

/**
 * Attaches until the container ends or the keys are typed.
 *
 * @returns the container's status; null where it was left alone
 */
export async function attach(
  store: Store,
  id: string,
  { keys, noInput, whole, write }: AttachOptions,
): Promise<number | null> {
  using held = new DisposableStack();
  const directory = `${store.root}/${id}`;
  const given = held.use(
    await inputOf(directory).catch((cause) => {
      // A short command has ended by now, and all that it wrote is there.
      if (whole) return new Given(0, null);
      throw new ContainerError(`Cannot attach to ${id}: it does not run`, {
        hint: "Start it: container start, and see container ps -a.",
        cause,
      });
    }),
  );
  const terminal = given.kind === TERMINAL;
  const outer = terminal && !noInput ? held.use(new OuterTerminal()) : null;
  outer?.tie();
  let attached = true;
  held.defer(() => attached = false);
  const { pid } = store.peek(id) ?? { pid: 0 };
  forwardSignals(
    pid,
    FORWARDED.filter((name) => name !== "SIGWINCH" && name !== "SIGTSTP"),
    (name) => {
      if (name === "SIGCONT" && attached) outer?.enter();
    },
  );
  const resize = () => {
    if (attached && given.descriptor) outer?.copySize(given.descriptor.fd);
  };
  Deno.addSignalListener("SIGWINCH", resize);
  resize();
  let left = false;
  const { descriptor } = given;
  const hearing = Promise.withResolvers<void>();
  const watching = watch(store, id, whole, () => left, write, hearing.resolve);
  // What answers the first that is typed is to be heard.
  const typing = noInput || !descriptor
    ? new Promise<never>(() => {})
    : hearing.promise.then(() =>
      passInput(descriptor, outer, new DetachKeys(keys), () => {
        // Of a container that others have started it is not ours to end.
        if (!whole) return;
        if (terminal) return writeAll(descriptor.fd, END_OF_FILE);
        descriptor.close();
        connect(directory, "e").close();
      })
    );
  const detached = await Promise.race([
    typing.then(() => true),
    watching.then(() => false),
  ]);
  left = true;
  return detached ? null : await statusOfEnd(store, id);
}

/**
 * Passes on what is in the log, until the container has ended.
 *
 * @param hears called once nothing that is written is missed any more
 */
async function watch(
  store: Store,
  id: string,
  whole: boolean,
  left: () => boolean,
  write: (entry: LogEntry) => void,
  hears: () => void,
): Promise<void> {
  const follow = () => {
    const view = look(store, id);
    return left() || !view ||
      view.status !== "running" && view.status !== "paused" &&
        !isKept(view.record);
  };
  let begun = whole;
  if (begun) hears();
  for await (const entry of readLog(`${store.root}/${id}`, follow, ATTENTION)) {
    if (entry === "caught up") {
      begun = true;
      hears();
    } else if (begun && !left()) write(entry);
  }
}

/** What the keeper gives out. */
class Given implements Disposable {
  constructor(
    readonly kind: number,
    readonly descriptor: Descriptor | null,
  ) {}
  [Symbol.dispose](): void {
    this.descriptor?.close();
  }
}

/** A word to the keeper. */
function connect(directory: string, word: "a" | "e"): Descriptor {
  // The path of a socket has to be short.
  using place = open(directory, O.O_PATH | O.O_DIRECTORY);
  const socket = connectUnix(`/proc/self/fd/${place.fd}/attach`);
  writeAll(socket.fd, new TextEncoder().encode(word));
  return socket;
}

async function inputOf(directory: string): Promise<Given> {
  using socket = connect(directory, "a");
  const message = await receive(socket.fd);
  if (!message) throw new TypeError("The keeper has gone");
  return new Given(message.byte, message.descriptor);
}

/**
 * Passes on what is typed, until the keys are.
 *
 * @param ended called at the end of it, which nobody could type anything after
 */
async function passInput(
  to: Descriptor,
  outer: OuterTerminal | null,
  keys: DetachKeys,
  ended: () => void,
): Promise<void> {
  setNonBlocking(to);
  const buffer = new Uint8Array(BUFFER);
  for (;;) {
    const count = await readInBackground(STDIN, buffer);
    if (count <= 0) {
      try {
        ended();
      } catch (error) {
        // The container has, too.
        if (!(error instanceof SyscallError)) throw error;
      }
      return await new Promise<never>(() => {});
    }
    const read = buffer.slice(0, count);
    const { bytes, detached } = keys.take(outer?.asTyped(read) ?? read);
    await writeWhole(to, bytes);
    if (detached) return;
  }
}

async function writeWhole({ fd }: Descriptor, bytes: Uint8Array) {
  for (let rest = bytes; rest.length;) {
    const count = rawSyscall("write", fd, rest, rest.length);
    if (count > 0) rest = rest.subarray(count);
    else if (count === -ERRNO.EAGAIN) await waitForOne(fd, POLL.POLLOUT);
    else if (count !== -ERRNO.EINTR) return;
  }
}
