/**
 * Carries out the steps of a cgroup plan. Runs on the host, in the parent.
 *
 * @module
 */

import { SyscallError } from "../ffi/errno.ts";
import { ContainerError } from "../spec/errors.ts";
import { attachDevices } from "./devices.ts";
import type { CgroupStep } from "./step.ts";

/** A step that needs only the files of a cgroup. */
type FileStep = Exclude<
  CgroupStep,
  { step: "makeDirectory" | "takeCgroup" | "startScope" }
>;

/** The files to delegate; kernels before Linux 4.15 do not list them. */
const DELEGATED = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/** Returns the errno of a failed file operation. */
export function codeOf(error: unknown): string {
  if (error instanceof SyscallError) return error.code;
  if (!(error instanceof Error)) return "";
  const { code } = error as Error & { code?: string };
  // Deno has no code for ESRCH and some others, but its message has their
  // number.
  const number = /\(os error (\d+)\)/.exec(error.message)?.[1];
  return code ??
    (number === "3" ? "ESRCH" : number === "19" ? "ENODEV" : `E${number}`);
}

/** Writes to an existing file of a cgroup. */
export function writeFile(path: string, value: string): void {
  Deno.writeTextFileSync(path, value, { create: false });
}

/** Errors of a read if the cgroup or process ends meanwhile. */
const GONE = ["ENOENT", "ENODEV", "ESRCH", "EOPNOTSUPP", "E95"];

/**
 * Returns the text of a file; null if there is none, or its cgroup or process
 * is gone.
 */
export function readFile(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (GONE.includes(codeOf(error))) {
      return null;
    }
    throw error;
  }
}

/** Writes to a file that may be gone, or may not exist on older kernels. */
export function attempt(path: string, value: string): boolean {
  try {
    writeFile(path, value);
    return true;
  } catch (error) {
    if (
      !["ENOENT", "ENODEV", "EINVAL", "EOPNOTSUPP", "E95"].includes(
        codeOf(error),
      )
    ) throw error;
    return false;
  }
}

/**
 * Lets a user make cgroups below a v2 cgroup, where this is safe. The limits
 * stay ours because their files do. See "Delegation" of cgroups(7).
 */
function giveCgroup(path: string, uid: number): void {
  const names = readFile("/sys/kernel/cgroup/delegate")?.trim().split("\n");
  for (const name of ["", ...names ?? DELEGATED]) {
    try {
      Deno.chownSync(`${path}/${name}`, uid, null);
    } catch (error) {
      // The file of a controller that is not enabled.
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }
}

/**
 * Carries out one step.
 *
 * @throws ContainerError with the action, the reason and a hint
 */
export function applyStep(step: FileStep): void {
  try {
    perform(step);
  } catch (cause) {
    if (cause instanceof ContainerError) throw cause;
    throw stepError(step, cause);
  }
}

/**
 * Carries out writes that may depend on each other. Writes that the kernel
 * finds invalid are tried a second time after the others: it may accept them
 * then (a quota and its period, a limit and its sum with swap).
 */
export function applyAll(steps: readonly FileStep[]): void {
  const later: FileStep[] = [];
  for (const step of steps) {
    try {
      perform(step);
    } catch (cause) {
      if (codeOf(cause) !== "EINVAL") throw stepError(step, cause);
      later.push(step);
    }
  }
  later.forEach(applyStep);
}

function perform(step: FileStep): void {
  switch (step.step) {
    case "fillCpuset":
      if (Deno.readTextFileSync(step.path).trim() === "") {
        writeFile(step.path, Deno.readTextFileSync(step.from).trim());
      }
      return;
    case "attachDevices":
      return attachDevices(step.path, step.rules);
    case "giveCgroup":
      return giveCgroup(step.path, step.uid);
    case "writeHostFile":
      try {
        return writeFile(step.path, step.value);
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error;
        if (step.instead) {
          return writeFile(step.instead.path, step.instead.value);
        }
        if (!step.optional) throw error;
      }
  }
}

/** The meaning of an error, by file. */
const HINTS: readonly [file: RegExp, code: RegExp, hint: string][] = [
  [/\/schemata$/, /./, "See info/last_cmd_status in resctrl."],
  [
    /cpuset\.(cpus|mems)$/,
    /EINVAL|EACCES|ERANGE|E34/,
    "Some of them are not online. See /sys/devices/system/cpu/online and node/online",
  ],
  [
    /cpu\.(rt_|max|cfs)/,
    /EINVAL/,
    "In microseconds, a period is 1000 to 1000000, a quota at least 1000, and a burst at most the quota. None can exceed the limits of the parent cgroup",
  ],
  [
    /memory\.(limit|max|memsw)/,
    /EBUSY/,
    "The container uses more than this, and the kernel cannot reclaim it",
  ],
  [
    /memory\.memsw|memory\.swap/,
    /ENOENT/,
    "This kernel does not account for swap (swapaccount=1). Remove --memory-swap",
  ],
  [
    /bfq|weight/,
    /ENOENT/,
    "No disk on this machine uses an I/O scheduler with weights, such as bfq",
  ],
  [
    /(blkio\.throttle|io\.max)/,
    /ENODEV|ENXIO|EINVAL/,
    "Use the device number of an existing whole disk, not of a partition",
  ],
  [
    /hugetlb/,
    /ENOENT/,
    "See /sys/kernel/mm/hugepages for the page sizes of this machine",
  ],
  [
    /subtree_control$/,
    /EBUSY|EOPNOTSUPP|E95|ENOTSUP/,
    "On cgroup v2, a cgroup that contains processes cannot enable controllers for its children",
  ],
  [
    /subtree_control$/,
    /EINVAL/,
    "The cpu controller cannot be enabled while real-time processes are outside the root cgroup",
  ],
];

/** The error of a step that works with paths. */
export function stepError(
  step: Exclude<CgroupStep, { step: "startScope" }>,
  cause: unknown,
): ContainerError {
  const code = codeOf(cause);
  const hint = HINTS.find(([file, error]) =>
    file.test(step.path) && error.test(code)
  )?.[2];
  const reason = cause instanceof Error
    ? cause.message.replace(/ \(os error \d+\).*$/, "")
    : String(cause);
  const action = step.step === "writeHostFile"
    ? `write ${JSON.stringify(step.value)} to ${step.path}`
    : step.step === "fillCpuset"
    ? `copy ${step.from} to ${step.path}`
    : step.step === "attachDevices"
    ? `restrict the devices of ${step.path}`
    : step.step === "giveCgroup"
    ? `change the owner of the cgroup ${step.path}`
    : step.step === "takeCgroup"
    ? `use the cgroup ${step.path}`
    : `create the cgroup ${step.path}`;
  return new ContainerError(
    `Cannot ${action} (${step.why}): ${reason}${
      /^E[A-Z]/.test(code) ? ` (${code})` : ""
    }`,
    {
      hint: hint ??
        (/EACCES|EPERM|EROFS/.test(code)
          ? "Run as root on a machine with writable cgroups"
          : undefined),
      cause,
    },
  );
}
