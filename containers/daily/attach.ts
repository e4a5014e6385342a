/**
 * attach: the user's streams at a container in the background. What it writes is
 * read from the files of its log; what is typed goes straight to its terminal or
 * its input, whose descriptor its keeper gives out. Runs on the host.
 */

import { type Descriptor, setNonBlocking, writeAll } from "../../ffi/fcntl.ts";
import { ERRNO, SyscallError } from "../../ffi/errno.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, readInBackground, waitForOne } from "../../ffi/poll.ts";
import { DetachKeys } from "../../launch/attend/detach_keys.ts";
import { forwardSignals } from "../../launch/attend/forward_signals.ts";
import { OuterTerminal } from "../../launch/attend/outer_terminal.ts";
import { FORWARDED } from "../../plan/child.ts";
import { ContainerError } from "../../spec/errors.ts";
import { isAlive, type Store } from "../store/store.ts";
import { Attachment, tellKeeper } from "./attachment.ts";
import { statusOfEnd } from "./await_end.ts";
import { type LogEntry, ownWord } from "./log_entry.ts";

const STDIN = 0;
const BUFFER = 4096;
/** Ctrl-D, what a new terminal has as VEOF, termios(3). */
const END_OF_FILE = Uint8Array.of(4);

/** How somebody attaches. */
export interface AttachOptions {
  /** The keys that leave it alone. */
  keys: Uint8Array;
  /** Nothing is typed. */
  noInput: boolean;
  /** Whoever attaches has started it as well: the end of input is its own. */
  owner: boolean;
  write: (entries: readonly LogEntry[]) => Promise<void>;
}

/**
 * Comes in front of a container that runs.
 *
 * @throws ContainerError where it does not
 */
export async function comeInFront(
  store: Store,
  id: string,
): Promise<Attachment> {
  try {
    return await Attachment.open(`${store.root}/${id}`);
  } catch (cause) {
    const record = store.peek(id);
    throw record && isAlive(record)
      ? new ContainerError(
        `Cannot attach to ${id}: its keeper does not answer`,
        {
          hint: "It was killed, or sixteen are attached already.",
          cause,
        },
      )
      : new ContainerError(`Cannot attach to ${id}: it does not run`, {
        hint: "Start it: container start, and see container ps -a.",
        cause,
      });
  }
}

/**
 * Stays in front of it until it ends, the keys are typed, or the user's terminal
 * is gone.
 *
 * @returns the container's status; null where it was left alone
 */
export async function attach(
  store: Store,
  id: string,
  attachment: Attachment,
  { keys, noInput, owner, write }: AttachOptions,
): Promise<number | null> {
  using held = new DisposableStack();
  const { input, isTerminal } = held.use(attachment);
  const outer = isTerminal && !noInput ? held.use(new OuterTerminal()) : null;
  outer?.tie();
  let attached = true;
  held.defer(() => attached = false);
  const leaving = Promise.withResolvers<void>();
  const { pid } = store.peek(id) ?? { pid: 0 };
  // A window that is closed is no signal to what other windows show as well.
  if (outer) Deno.addSignalListener("SIGHUP", () => leaving.resolve());
  forwardSignals(
    pid,
    FORWARDED.filter((name) =>
      name !== "SIGWINCH" && name !== "SIGTSTP" &&
      !(outer && name === "SIGHUP")
    ),
    (name) => {
      if (name === "SIGCONT" && attached) outer?.enter();
    },
  );
  const resize = () => {
    if (attached && input) outer?.copySize(input.fd);
  };
  Deno.addSignalListener("SIGWINCH", resize);
  resize();
  if (!noInput && input) {
    passInput(input, outer, new DetachKeys(keys), () => {
      // Of a container that others have started it is not ours to end.
      if (!owner) return;
      if (isTerminal) return writeAll(input.fd, END_OF_FILE);
      input.close();
      tellKeeper(`${store.root}/${id}`, "e");
    }).then(leaving.resolve, leaving.reject);
  }
  const detached = await Promise.race([
    leaving.promise.then(() => true),
    watch(attachment, () => !attached, write).then(() => false),
  ]);
  if (detached) return null;
  if (attachment.status !== null) return attachment.status;
  const record = store.peek(id);
  if (record && isAlive(record)) {
    await write([ownWord(
      "nothing more of what it writes is shown: its keeper has gone, or nothing was read while it was being stopped",
    )]);
  }
  return await statusOfEnd(store, id);
}

/** Passes on what it writes, until there is no more. */
async function watch(
  attachment: Attachment,
  left: () => boolean,
  write: AttachOptions["write"],
): Promise<void> {
  for await (const entries of attachment.pieces()) {
    if (left()) return;
    await write(entries);
  }
}

/**
 * Passes on what is typed, until the keys are or the terminal is gone.
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
      if (outer?.hasHungUp()) return;
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
