/**
 * Carries out the steps of a cgroup's plan. Runs on the host, in the parent.
 *
 * @module
 */

import { SyscallError } from "../ffi/errno.ts";
import { ContainerError } from "../spec/errors.ts";
import { attachDevices } from "./devices.ts";
import type { CgroupStep } from "./step.ts";

/** The errno of a failed file operation. */
export function codeOf(error: unknown): string {
  if (error instanceof SyscallError) return error.code;
  if (!(error instanceof Error)) return "";
  const { code } = error as Error & { code?: string };
  // Deno has no code for ESRCH and the like, but says their number.
  const number = /\(os error (\d+)\)/.exec(error.message)?.[1];
  return code ??
    (number === "3" ? "ESRCH" : number === "19" ? "ENODEV" : `E${number}`);
}

/** Writes to a file of a cgroup; never makes one. */
export function writeFile(path: string, value: string): void {
  Deno.writeTextFileSync(path, value, { create: false });
}

/** What reading says of a file whose cgroup, or process, ends meanwhile. */
const GONE = ["ENOENT", "ENODEV", "ESRCH", "EOPNOTSUPP", "E95"];

/** The text of a file; null where it is not, or its cgroup or process is gone. */
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

/** Carries out one step; fails with what was to be done and what can be. */
export function applyStep(step: CgroupStep): void {
  try {
    perform(step);
  } catch (cause) {
    if (cause instanceof ContainerError) throw cause;
    throw stepError(step, cause);
  }
}

/**
 * Carries out writes that may depend on each other: what the kernel finds
 * invalid now it may take once the others are done (a quota and its period, a
 * limit and its sum with swap), so those are tried a second time.
 */
export function applyAll(steps: readonly CgroupStep[]): void {
  const later: CgroupStep[] = [];
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

function perform(step: CgroupStep): void {
  switch (step.step) {
    case "makeDirectory":
      try {
        Deno.mkdirSync(step.path, { mode: 0o755 });
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
      return;
    case "copy":
      if (Deno.readTextFileSync(step.path).trim() === "") {
        writeFile(step.path, Deno.readTextFileSync(step.from).trim());
      }
      return;
    case "attachDevices":
      return attachDevices(step.path, step.rules);
    case "write":
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

/** By file and error, what the kernel means by it. */
const HINTS: readonly [file: RegExp, code: RegExp, hint: string][] = [
  [
    /cpuset\.(cpus|mems)$/,
    /EINVAL|EACCES|ERANGE|E34/,
    "Some of them are not online here: see /sys/devices/system/cpu/online and node/online",
  ],
  [
    /cpu\.(rt_|max|cfs)/,
    /EINVAL/,
    "A period is 1000 to 1000000, a quota 1000 or more microseconds, a burst no more than the quota, and all no more than the cgroup above allows",
  ],
  [
    /memory\.(limit|max|memsw)/,
    /EBUSY/,
    "More than that is in use and cannot be reclaimed",
  ],
  [
    /memory\.memsw|memory\.swap/,
    /ENOENT/,
    "This kernel does not account swap (swapaccount=1): leave --memory-swap out",
  ],
  [/bfq|weight/, /ENOENT/, "No disk scheduler here knows weights (bfq does)"],
  [
    /(blkio\.throttle|io\.max)/,
    /ENODEV|ENXIO|EINVAL/,
    "The limit is for a whole disk, not a partition, that is there",
  ],
  [
    /hugetlb/,
    /ENOENT/,
    "See /sys/kernel/mm/hugepages for the page sizes of this machine",
  ],
  [
    /subtree_control$/,
    /EBUSY|EOPNOTSUPP|E95|ENOTSUP/,
    "A cgroup of v2 that holds processes cannot hand controllers to children",
  ],
  [
    /subtree_control$/,
    /EINVAL/,
    "Real-time processes outside of the top cgroup keep the cpu controller off",
  ],
];

function stepError(step: CgroupStep, cause: unknown): ContainerError {
  const code = codeOf(cause);
  const hint = HINTS.find(([file, error]) =>
    file.test(step.path) && error.test(code)
  )?.[2];
  const reason = cause instanceof Error
    ? cause.message.replace(/ \(os error \d+\).*$/, "")
    : String(cause);
  const action = step.step === "makeDirectory"
    ? `make the cgroup ${step.path}`
    : step.step === "attachDevices"
    ? `restrict the devices of ${step.path}`
    : step.step === "copy"
    ? `copy ${step.from} to ${step.path}`
    : `write ${JSON.stringify(step.value)} to ${step.path}`;
  return new ContainerError(
    `Cannot ${action} (${step.why}): ${reason}${
      /^E[A-Z]/.test(code) ? ` (${code})` : ""
    }`,
    {
      hint: hint ??
        (/EACCES|EPERM|EROFS/.test(code)
          ? "Run as root on a machine whose cgroups are writable"
          : undefined),
      cause,
    },
  );
}
