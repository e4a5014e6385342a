/**
 * Explains an error of `run` by this machine: names the setting that forbids
 * the operation, or the part of `container doctor` to read. Runs on the host,
 * in the parent, and is loaded only after a failure. Reads and changes nothing
 * else.
 */

import { StepError } from "../../launch/step_error.ts";
import { ContainerError } from "../../spec/errors.ts";
import { readCaller } from "../decide/caller.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import type { UserNamespaceFacts } from "../../doctor/facts.ts";
import { userNamespaceHint } from "../../doctor/hints.ts";
import { readUserNamespaceFacts } from "../../doctor/read_facts.ts";

const DOCTOR = "container doctor";

/**
 * The errnos by which the kernel refuses a user namespace or an operation in
 * it.
 */
const REFUSALS = ["EPERM", "EACCES", "ENOSPC", "EINVAL"];

/**
 * Steps that a user namespace with full capabilities would be allowed to do.
 */
const WITHIN = ["clone", "unshare", "mount", "openTree", "setHostname"];

/** {@linkcode withCause} for this machine. */
export const explainRefusal = (error: unknown): unknown =>
  withCause(error, readUserNamespaceFacts);

/**
 * Adds this machine's part in an error to its hint. Never throws: if nothing
 * more is known the result is the error itself.
 *
 * @param read reads the settings of user namespaces
 * @param privileged whether the caller is root on the host, which needs no user
 * namespace
 */
export function withCause(
  error: unknown,
  read: () => UserNamespaceFacts,
  privileged: () => boolean = () => readCaller(THIS_MACHINE).privileged,
): unknown {
  if (!(error instanceof ContainerError)) return error;
  if (error instanceof StepError) return refused(error, read, privileged);
  const { message, hint = "" } = error;
  return /cgroup|controller/.test(message) && !hint.includes(DOCTOR)
    ? withHint(error, `${sentence(hint)}See ${DOCTOR}, Resource limits.`)
    : error;
}

function refused(
  error: StepError,
  read: () => UserNamespaceFacts,
  privileged: () => boolean,
): ContainerError {
  const { step, code } = error;
  const makesOne = step.step === "clone" && step.namespaces.includes("user");
  const asked = makesOne || !privileged() && WITHIN.includes(step.step);
  if (!asked || !REFUSALS.includes(code)) return error;
  const cause = userNamespaceHint(read());
  if (cause === null) return error;
  return withHint(
    error,
    privileged()
      ? cause
      : `${cause} As root (sudo) no user namespace is needed.`,
  );
}

/** Ends the text as a sentence, so that another sentence can follow. */
const sentence = (text: string) => text && `${text.replace(/[.:]?$/, ".")} `;

const withHint = (error: ContainerError, hint: string) =>
  new ContainerError(error.message, {
    hint,
    status: error.status,
    cause: error,
  });
