/**
 * Releases a created container: its process executes the command, or reports
 * why it cannot. Runs on the host, in the start command.
 */

import { errnoName, SyscallError } from "../../ffi/errno.ts";
import { O, open, writeAll } from "../../ffi/fcntl.ts";
import { POLL, readInBackground, waitForOne } from "../../ffi/poll.ts";
import { diagnose, outside, type View } from "../../launch/diagnose.ts";
import { HEADER, REPORT_SIZE } from "../../launch/bytecode/layout.ts";
import { readFailure } from "../../launch/outcome.ts";
import { START_ERROR } from "../../launch/ready_plans.ts";
import { StepError } from "../../launch/step_error.ts";
import { candidates } from "../../plan/process/candidates.ts";
import type { Step, StepOf } from "../../plan/step.ts";
import { CommandError, ContainerError, EXIT } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import type { Entry } from "../store/store.ts";
import { inRuncsWords } from "./runc_words.ts";

/** The error for starting a stopped container, in runc's words. */
const hasStopped = ({ record: { id } }: Entry) =>
  new ContainerError(`cannot start a container that has stopped: ${id}`);

/**
 * Releases the process and waits until its command is executed. If an agent
 * answers its system calls, execve(2) may wait for the agent, and the agent may
 * wait for this command. In that case this function does not wait.
 *
 * @throws {CommandError} if the command cannot be executed, {ContainerError} if
 * the process has ended
 */
export async function letGo(entry: Entry): Promise<void> {
  const { spec } = entry.record;
  using held = new DisposableStack();
  const view = viewOf(entry, held);
  const answer = tell(entry, held);
  if (spec.linux.seccomp?.listenerPath) return;
  while (!(await waitForOne(answer, 0) & POLL.POLLHUP));
  const said = new Uint8Array(REPORT_SIZE);
  const length = await readInBackground(answer, said);
  if (length !== 0) throw whyNot(entry, said.subarray(0, length), view);
}

/**
 * Why the native entry of the compiled program could not start the container.
 * It leaves the report to this program.
 */
export function whyStopped(entry: Entry): unknown {
  try {
    const said = Deno.readFileSync(`${entry.path}/${START_ERROR}`);
    using held = new DisposableStack();
    return whyNot(entry, said, viewOf(entry, held));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return hasStopped(entry);
    throw error;
  }
}

/**
 * The container's file system. Its mounts can be seen as long as its mount
 * namespace is held.
 */
function viewOf(
  { record: { pid, spec } }: Entry,
  held: DisposableStack,
): View {
  try {
    const root = held.use(open(`/proc/${pid}/root`, O.O_PATH));
    held.use(open(`/proc/${pid}/ns/mnt`, O.O_RDONLY));
    return outside(root, held);
  } catch (error) {
    // The process has ended, or its files belong to root.
    if (!(error instanceof SyscallError)) throw error;
    return outside(held.use(open(spec.root.path, O.O_PATH)), held);
  }
}

/**
 * Writes the byte that releases the process. Returns the descriptor of its
 * answer.
 */
function tell(entry: Entry, held: DisposableStack): number {
  try {
    // Without a reader this fails at once: the process has ended.
    using fifo = open(entry.fifo, O.O_WRONLY | O.O_NONBLOCK);
    const answer = held.use(open(entry.fifo, O.O_RDONLY | O.O_NONBLOCK));
    writeAll(fifo.fd, new Uint8Array(1));
    return answer.fd;
  } catch (error) {
    if (!(error instanceof SyscallError) || error.code !== "ENXIO") throw error;
    throw hasStopped(entry);
  }
}

/**
 * The error in the answer. A single byte is the one that tell() has written:
 * the process was killed before it read that.
 */
function whyNot(entry: Entry, said: Uint8Array, view: View): unknown {
  if (said.length < REPORT_SIZE) return hasStopped(entry);
  const failure = readFailure(said);
  if (!failure) return hasStopped(entry);
  const { process } = entry.record.spec;
  const step = stepAt(process, said, failure.index);
  const error = new StepError(
    step,
    step.step === "execute" ? "execve" : "seccomp",
    errnoName(failure.errno),
  );
  if (step.step !== "execute") return error;
  const isSeen = step.candidates.some((path) => view.look(path) !== null);
  return inRuncsWords(
    process.args,
    isSeen ? diagnose(step, error, view) : unseen(process, error),
  );
}

/**
 * The step that failed. The command comes last in its plan: one call for each
 * candidate path, and one that reports a failure.
 */
function stepAt(
  { args, env }: Spec["process"],
  said: Uint8Array,
  index: number,
): StepOf<"execute" | "setSeccomp"> {
  const view = new DataView(said.buffer, said.byteOffset, said.byteLength);
  const count = view.getUint32(HEADER.count, true);
  const paths = candidates(args[0] ?? "", env);
  const steps = {
    execute: {
      step: "execute",
      candidates: paths,
      argv: args,
      env,
      why: "the command, inside the container's root",
      man: "execve(2)",
    },
    filter: {
      step: "setSeccomp",
      profile: "linux.seccomp",
      filter: "",
      flags: 0,
      why: "the filter allows the system calls of the requested profile",
      man: "seccomp(2)",
    },
  } as const satisfies Record<string, Step>;
  return index >= count - paths.length - 1 ? steps.execute : steps.filter;
}

/**
 * `create` found the command. Either something that it needs is missing, or it
 * has been removed.
 */
function unseen(
  { args }: Spec["process"],
  { code, cause }: StepError,
): CommandError {
  return new CommandError(`Cannot run ${args[0]}: execve failed (${code})`, {
    status: code === "ENOENT" ? EXIT.notFound : EXIT.notExecutable,
    hint:
      "The file existed when the container was created. Check that its interpreter or loader exists.",
    cause,
  });
}
