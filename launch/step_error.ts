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

/** What a step wants to put something on. */
const targetOf = (step: Step) => "target" in step ? step.target : "";

const noMountpoint = (step: Step) =>
  `The root filesystem has no ${
    targetOf(step)
  } and it could not be made there: make it, or let changes go to memory (--ephemeral).`;

const notByLink = (step: Step) =>
  `${
    targetOf(step)
  } of the root filesystem is a link or a file: what the kernel shows there is mounted on a directory only.`;

const MOVED =
  "Something else has taken its place: is the root filesystem being changed by another container?";

/** Errors whose errno misleads or whose cure is known. */
const HINTS: {
  step: StepKind;
  code: Errno;
  hint: string | ((step: Step) => string);
}[] = [
  {
    step: "clone",
    code: "EPERM",
    hint: (step) =>
      step.step === "clone" && step.namespaces.includes("user")
        ? "This system keeps user namespaces from ordinary users: run as root (sudo), or see container doctor."
        : ROOT,
  },
  { step: "mount", code: "ENOENT", hint: noMountpoint },
  { step: "attach", code: "ENOENT", hint: noMountpoint },
  { step: "mount", code: "ENOTDIR", hint: notByLink },
  ...(["maskPath", "readonlyPath", "setSysctl"] as const).map((step) => ({
    step,
    code: "EXDEV" as const,
    hint: MOVED,
  })),
  {
    step: "pivotRoot",
    code: "EACCES",
    hint: "You may not enter it: see the permissions and the owner of it.",
  },
  {
    step: "joinNamespaces",
    code: "ENOENT",
    hint: "Name a file like /proc/PID/ns/net of a process that runs.",
  },
  { step: "joinNamespaces", code: "EPERM", hint: ROOT },
  { step: "joinNamespaces", code: "EACCES", hint: ROOT },
  {
    step: "joinNamespaces",
    code: "EINVAL",
    hint: "The file names another kind of namespace, or none.",
  },
  {
    step: "mount",
    code: "EACCES",
    hint:
      "A directory on the way is closed to the user that root inside really is: see its permissions and owner.",
  },
  {
    step: "setSysctl",
    code: "ENOENT",
    hint: "This kernel has no such setting: see /proc/sys.",
  },
  {
    step: "setSysctl",
    code: "EINVAL",
    hint: "The kernel does not take this value.",
  },
  { step: "unshare", code: "EPERM", hint: ROOT },
  { step: "mount", code: "EPERM", hint: ROOT },
  { step: "chroot", code: "EPERM", hint: ROOT },
  {
    step: "clone",
    code: "ENOSPC",
    hint:
      "The limit on namespaces is reached: see max_user_namespaces and its like in /proc/sys/user.",
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
  /** The class's. */
  override name = "StepError";
  /** Takes the step, and the system call of it that failed, with its errno. */
  constructor(
    /** As it stands in the plan. */
    readonly step: Step,
    /** The system call that failed. */
    readonly call: string,
    /** Its errno: `ENOENT` and the like. */
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
  const hint = known?.hint;
  if (typeof hint === "function") return hint(step);
  return hint ?? `The step is there for a reason: ${step.why}.`;
}
