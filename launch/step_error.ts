/** A step of a plan that could not be done. */

import { type Errno, errnoText } from "../ffi/errno.ts";
import { describe } from "../plan/describe.ts";
import type { Step, StepKind } from "../plan/step.ts";
import { ContainerError } from "../spec/errors.ts";

/** What a kernel older than this lacks, by call. */
const SINCE: Record<string, string | undefined> = {
  clone3: "5.5",
  close_range: "5.9",
  openat2: "5.6",
  pidfd_open: "5.3",
  mount_setattr: "5.12",
};

const ROOT = "Run as root (sudo).";

/** Errors whose errno misleads or whose cure is known. */
const HINTS: {
  step: StepKind;
  code: Errno;
  hint: string;
}[] = [
  { step: "clone", code: "EPERM", hint: ROOT },
  { step: "unshare", code: "EPERM", hint: ROOT },
  { step: "mount", code: "EPERM", hint: ROOT },
  { step: "chroot", code: "EPERM", hint: ROOT },
  {
    step: "clone",
    code: "ENOSPC",
    hint:
      "The limit on namespaces is reached: see /proc/sys/user/max_pid_namespaces and max_mnt_namespaces.",
  },
  {
    step: "clone",
    code: "EAGAIN",
    hint:
      "The limit on processes is reached: see ulimit -u and the pids cgroup.",
  },
  {
    step: "pivotRoot",
    code: "EINVAL",
    hint: "The host runs from an initramfs: add --chroot.",
  },
  {
    step: "changeDirectory",
    code: "ENOENT",
    hint: "Create it in the root filesystem or choose another --workdir.",
  },
  {
    step: "changeDirectory",
    code: "ENOTDIR",
    hint: "Choose another --workdir.",
  },
  {
    step: "setHostname",
    code: "EINVAL",
    hint: "A hostname has at most 64 bytes.",
  },
  {
    step: "execute",
    code: "E2BIG",
    hint: "The arguments and environment are too long: pass fewer.",
  },
];

/**
 * A failing step: what it was to do, the call that failed and why the step is
 * there, which is what its reader needs to judge the failure.
 */
export class StepError extends ContainerError {
  override name = "StepError";
  constructor(
    readonly step: Step,
    readonly call: string,
    readonly code: Errno | `E${number}`,
  ) {
    super(`Cannot ${describe(step)}: ${call}: ${errnoText(code)}`, {
      hint: hintFor(step, call, code),
    });
  }
}

function hintFor(
  step: Step,
  call: string,
  code: Errno | `E${number}`,
): string {
  if (code === "ENOSYS") {
    const since = SINCE[call];
    return `This kernel has no ${call}${
      since ? `, which came with Linux ${since}` : ""
    }: container needs Linux 5.12 or newer.`;
  }
  const known = HINTS.find((entry) =>
    entry.step === step.step && entry.code === code
  );
  return known?.hint ?? `The step is there for a reason: ${step.why}.`;
}
