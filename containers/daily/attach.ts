/**
 * attach: connects the user's streams to a container in the background. Output
 * is read from the files of its log. Input goes directly to the container's
 * terminal or standard input; its keeper passes that descriptor. Runs on the
 * host, in the process of the attach command.
 */

import { type Descriptor, setNonBlocking, writeAll } from "../../ffi/fcntl.ts";
import { ERRNO, SyscallError } from "../../ffi/errno.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, readInBackground, waitForOne } from "../../ffi/poll.ts";
import { DetachKeys } from "../../launch/attend/detach_keys.ts";
import {
  forwardSignals,
  Recipient,
} from "../../launch/attend/forward_signals.ts";
import { OuterTerminal } from "../../launch/attend/outer_terminal.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import { isAlive, type Store } from "../store/store.ts";
import { Attachment, tellKeeper } from "./attachment.ts";
import { nameOf } from "../store/status.ts";
import { statusOfEnd } from "./await_end.ts";
import { type LogEntry, ownEntry } from "./log_entry.ts";

const STDIN = 0;
const BUFFER = 4096;
/** Ctrl-D, the VEOF character of a new terminal, termios(3). */
const END_OF_FILE = Uint8Array.of(4);

/** How to attach. */
export interface AttachOptions {
  /** The key sequence that detaches. */
  keys: Uint8Array;
  /** Pass no input. */
  noInput: boolean;
  /**
   * This command has started the container, so the end of its input ends the
   * container's input.
   */
  owner: boolean;
  write: (entries: readonly LogEntry[]) => Promise<void>;
}

/**
 * Asks the container's keeper for an attachment.
 *
 * @throws {ContainerError} if the container does not run, or its keeper accepts
 * no more attachments
 */
export async function openAttachment(
  store: Store,
  id: string,
): Promise<Attachment> {
  try {
    return await Attachment.open(`${store.root}/${id}`);
  } catch (cause) {
    const record = store.peek(id);
    throw record && isAlive(record)
      ? new ContainerError(
        `Cannot attach to ${nameOf(record)}: its keeper does not answer`,
        {
          hint: "It was killed, or sixteen clients are already attached.",
          cause,
        },
      )
      : new ContainerError(
        `Cannot attach to ${record ? nameOf(record) : id}: it is not running`,
        {
          hint: `Start it: container start ${record ? nameOf(record) : id}`,
          cause,
        },
      );
  }
}

/**
 * Stays attached until the container ends, the user types the detach keys, or
 * the user's terminal is closed.
 *
 * @returns the container's status; null after a detach
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
  const resize = () => {
    if (attached && input) outer?.copySize(input.fd);
  };
  const recipient = new Recipient();
  recipient.pid = pid;
  forwardSignals(recipient, {
    seen(signal) {
      if (signal === SIGNAL.SIGCONT && attached) outer?.enter();
    },
    instead: {
      [SIGNAL.SIGWINCH]: resize,
      // Closing a terminal window must not signal a container that is also
      // shown in other windows.
      ...(outer ? { [SIGNAL.SIGHUP]: () => leaving.resolve() } : {}),
    },
    // Ctrl-Z stops this command, not the container.
    without: [SIGNAL.SIGTSTP, SIGNAL.SIGTTIN, SIGNAL.SIGTTOU],
  });
  resize();
  if (!noInput && input) {
    passInput(input, outer, new DetachKeys(keys), () => {
      // Only the command that started the container may end its input.
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
    await write([ownEntry(
      "no further output is shown: the container's keeper has ended, or no output was read while the container was being stopped",
    )]);
  }
  return await statusOfEnd(store, id);
}

/** Passes on the output until it ends. */
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
 * Passes on input until the detach keys are typed or the terminal is closed.
 *
 * @param ended called at the end of the input
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
        // The container has ended as well.
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
