/**
 * Explains why a native PID 1 (launch/native/pid_one.h) could not go on. It
 * reports only numbers. Before it ends, it waits and answers questions about
 * its files, because after its end nobody can see them as it did: its mounts
 * are gone, and its user may enter directories that ours may not. Runs in the
 * parent, on the host.
 */

import { errnoName, SyscallError } from "../ffi/errno.ts";
import type { Descriptor } from "../ffi/fcntl.ts";
import { rawSyscall } from "../ffi/libc.ts";
import { cString } from "../ffi/memory.ts";
import { POLL, poll } from "../ffi/poll.ts";
import { nameOf } from "../ffi/numbers.ts";
import type { Plan } from "../plan/step.ts";
import { diagnosed, type Seen, type View } from "./diagnose.ts";
import { CHILD_PHASES } from "./handover.ts";
import {
  ANSWER,
  FAILURE,
  FAILURE_PHASE,
  HEAD_SIZE,
} from "./handover_layout.ts";
import { stepError } from "./outcome.ts";
import { type ChildPrograms, childSteps } from "./pack_handover.ts";
import { StepError } from "./step_error.ts";

const MSG_NOSIGNAL = 0x4000;
/** inode(7). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/**
 * How long to wait for an answer, in milliseconds. A file system may not
 * respond.
 */
const PATIENCE = 900;

/** What PID 1 was carrying out. */
interface CarriedOut {
  plan: Plan;
  programs: ChildPrograms;
}

/**
 * Makes the error for the message of a PID 1 that could not go on, and lets
 * PID 1 end.
 *
 * @param message the bytes of NEWS.failed
 * @param socket the socket to PID 1
 */
export function explainFailure(
  message: Uint8Array,
  socket: Descriptor,
  { plan, programs }: CarriedOut,
): Error {
  const view = new DataView(
    message.buffer,
    message.byteOffset,
    message.byteLength,
  );
  const phase = view.getUint8(FAILURE.phase);
  const index = view.getUint32(FAILURE.index, true);
  const errno = view.getInt32(FAILURE.error, true);
  try {
    const name = CHILD_PHASES.find((name) => FAILURE_PHASE[name] === phase);
    if (!name) {
      return new SyscallError(nameOf(index), errnoName(errno));
    }
    const steps = childSteps(plan, name);
    const error = stepError(steps, programs[name], { index, errno });
    return error instanceof StepError
      ? diagnosed(error, filesOf(socket))
      : error;
  } finally {
    ask(socket, "");
  }
}

/** The files as a PID 1 sees them that has reported a failure. */
export const filesOf = (socket: Descriptor): View => ({
  where: "in the root filesystem",
  look(path): Seen | null {
    if (!ask(socket, path) || !poll(socket.fd, POLL.POLLIN, PATIENCE)) {
      return null;
    }
    const answer = new Uint8Array(ANSWER.head + HEAD_SIZE);
    const length = rawSyscall(
      "recvfrom",
      socket.fd,
      answer,
      answer.length,
      0,
      null,
      null,
    );
    const view = new DataView(answer.buffer);
    if (length < ANSWER.head || view.getInt32(ANSWER.error, true)) return null;
    const mode = view.getUint32(ANSWER.mode, true);
    const type = mode & S_IFMT;
    return {
      isFile: type === S_IFREG,
      isDirectory: type === S_IFDIR,
      mode,
      head: () => answer.subarray(ANSWER.head, length),
    };
  },
});

/** Asks PID 1 about a path; an empty path lets it end. */
function ask(socket: Descriptor, path: string): boolean {
  const question = cString(path);
  return rawSyscall(
    "sendto",
    socket.fd,
    question,
    question.length,
    MSG_NOSIGNAL,
    null,
    0,
  ) === question.length;
}
