/**
 * What an error of `run` has to do with the machine: the setting that forbids
 * it, or where to read on. Runs on the host, in the parent, after the failure;
 * loaded then only. Reads and changes nothing.
 */

import { StepError } from "../../launch/step_error.ts";
import { ContainerError } from "../../spec/errors.ts";
import { readCaller } from "../decide/caller.ts";
import type { UserNamespaceFacts } from "../../doctor/facts.ts";
import { userNamespaceHint } from "../../doctor/hints.ts";
import { readUserNamespaceFacts } from "../../doctor/read_facts.ts";

const DOCTOR = "container doctor";

/** What the kernel answers to whom it does not let. */
const REFUSALS = ["EPERM", "EACCES", "ENOSPC", "EINVAL"];

/** Steps that a user namespace with all of its rights would not be refused. */
const WITHIN = ["clone", "unshare", "mount", "openTree", "setHostname"];

/** {@linkcode withCause} for this machine. */
export const explainRefusal = (error: unknown): unknown =>
  withCause(error, readUserNamespaceFacts);

/**
 * The error with what the machine has to do with it. Never throws: where
 * nothing more is known it is the error itself.
 *
 * @param read how user namespaces stand here
 * @param privileged who has rights on the host needs no user namespace
 */
export function withCause(
  error: unknown,
  read: () => UserNamespaceFacts,
  privileged: () => boolean = () => readCaller().privileged,
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
    privileged() ? cause : `${cause} As root (sudo) none is needed.`,
  );
}

/** A text that another sentence can follow. */
const sentence = (text: string) => text && `${text.replace(/[.:]?$/, ".")} `;

const withHint = (error: ContainerError, hint: string) =>
  new ContainerError(error.message, {
    hint,
    status: error.status,
    cause: error,
  });
