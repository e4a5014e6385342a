/**
 * Makes the directories and small files of the host phase. Runs on the host, in
 * the parent.
 */

import { codeOf, stepError } from "../../cgroup/apply.ts";
import { removeDirectory } from "../../cgroup/remove.ts";
import { describe } from "../../explain/steps/describe.ts";
import { AT_FDCWD } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import type { StepOf } from "../../plan/step.ts";
import type { Identity } from "../../plan/undo.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import { identityOf } from "./identity.ts";

const S_IFIFO = 0o010000;

/** The hint for a directory that cannot be made, by the operation that removes it. */
const HINTS: Record<string, string | undefined> = {
  removeEmpty: "Name a directory that you can write to.",
  removeClass:
    "The processor has a limited number of classes of service; see info/*/num_closids in resctrl.",
};

/**
 * Makes a directory; returns its identity, or null if another start has just
 * made it.
 *
 * @throws ContainerError if it cannot be made
 */
export function makeDirectory(step: StepOf<"makeDirectory">): Identity | null {
  const { path, mode, exact, owner, exclusive } = step;
  try {
    Deno.mkdirSync(path, mode === undefined ? {} : { mode });
    try {
      if (exact && mode !== undefined) Deno.chmodSync(path, mode);
      if (owner) Deno.chownSync(path, owner.uid, owner.gid);
    } catch (error) {
      removeDirectory(path);
      throw error;
    }
    return identityOf(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      throw cannotMake(step, error);
    }
  }
  if (!exclusive && isDirectory(path)) return null;
  throw exclusive
    ? new ContainerError(
      `Cannot ${
        describe(step)
      } (${step.why}): another program has just created it`,
      { hint: "Use another container ID or another linux.cgroupsPath" },
    )
    : new ContainerError(
      `Cannot ${describe(step)}: there is a file with this name`,
      { hint: "Remove the file, or name another directory." },
    );
}

function cannotMake(
  step: StepOf<"makeDirectory">,
  cause: unknown,
): ContainerError {
  const operations = [step.undo, step.ifFailed ?? []].flat()
    .flatMap((operation) =>
      typeof operation === "string" ? [] : operation.undo
    );
  const [hint] = operations.flatMap((name) => HINTS[name] ?? []);
  if (hint === undefined) return stepError(step, cause);
  const reason = cause instanceof Deno.errors.PermissionDenied
    ? "permission denied (EACCES)"
    : systemReason(cause);
  return new ContainerError(`Cannot ${describe(step)}: ${reason}`, {
    hint,
    cause,
  });
}

/** Links are followed: a user may keep the directory elsewhere. */
function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Finds an empty cgroup that exists already.
 *
 * @throws ContainerError if it is gone by now
 */
export function takeCgroup(step: StepOf<"takeCgroup">): Identity {
  const found = identityOf(step.path);
  if (found) return found;
  throw stepError(step, new Deno.errors.NotFound("it is gone"));
}

/** Makes a FIFO. mknod(2) */
export function makeFifo({ path }: StepOf<"makeFifo">): void {
  syscall("mknodat", AT_FDCWD, cString(path), S_IFIFO | 0o600, 0);
}

/**
 * Puts a process into a class of resctrl.
 *
 * @throws ContainerError if the kernel refuses it
 */
export function joinClass(step: StepOf<"joinClass">, pid: number): void {
  try {
    Deno.writeTextFileSync(step.path, String(pid), { create: false });
  } catch (cause) {
    throw new ContainerError(
      `Cannot ${describe(step)}: ${systemReason(cause)} (${codeOf(cause)})`,
      { hint: "See info/last_cmd_status in resctrl.", cause },
    );
  }
}
