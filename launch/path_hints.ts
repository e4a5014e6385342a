/**
 * How to fix steps that failed at a path of the root filesystem: a mount point,
 * the terminal, the working directory. Pure.
 */

import type { Errno } from "../ffi/errno.ts";
import { isKernelPath } from "../plan/mounts/kernel_places.ts";
import type { Step, StepKind } from "../plan/step.ts";

/** How to fix one errno of one kind of step. */
export interface Hint {
  step: StepKind;
  code: Errno;
  hint: string | ((step: Step, call: string) => string);
}

/** The path on which a step mounts or makes something. */
const targetOf = (step: Step) =>
  "target" in step
    ? step.target
    : step.step === "makeMountpoint"
    ? step.path
    : "";

const noMountpoint = (step: Step) => {
  const target = targetOf(step);
  if (isKernelPath(target) && target.indexOf("/", 1) > 0) {
    return `The kernel has no ${target}, and nothing can be created in its file systems. Choose another path.`;
  }
  const link = step.step === "makeMountpoint" ? step.link : undefined;
  return link
    ? `${link} in the root filesystem is a link to ${target}, which does not exist and could not be created. Create it, correct the link, or keep changes in memory (--ephemeral).`
    : `The root filesystem has no ${target}, or a link there leads to nothing, and it could not be created. Create it, or keep changes in memory (--ephemeral).`;
};

/** EINVAL of move_mount(2): most often a file meets a directory. */
const otherKind = (step: Step) => {
  const target = targetOf(step);
  const kind = step.step === "attach" ? step.kind : undefined;
  if (!kind) {
    return "A directory can only be mounted on a directory, and a file only on a file. Check the path in the root filesystem.";
  }
  const other = kind === "file" ? "directory" : "file";
  return `The source is a ${kind}, so ${target} in the root filesystem must be one, but it is probably a ${other}. Mount the ${kind} at another path, or mount a ${other} there.`;
};

const notByLink = (step: Step) =>
  `${
    targetOf(step)
  } in the root filesystem is a link or a file, but this mount needs a directory.`;

/** The hints. */
export const PATH_HINTS: readonly Hint[] = [
  { step: "mount", code: "ENOENT", hint: noMountpoint },
  { step: "attach", code: "ENOENT", hint: noMountpoint },
  {
    step: "attach",
    code: "EINVAL",
    hint: otherKind,
  },
  {
    step: "makeMountpoint",
    code: "ENOTDIR",
    hint: (step) =>
      `A part of ${
        targetOf(step)
      } is a file in the root filesystem, so nothing can be below it. Choose another path.`,
  },
  ...(["ENOENT", "ENOTDIR", "EACCES", "ENXIO", "ENOTTY"] as const).map((
    code,
  ) => ({
    step: "openTerminal" as const,
    code,
    hint:
      "The container has no /dev/pts of its own, because a mount covers it. Remove that mount or --tty.",
  })),
  { step: "makeMountpoint", code: "ENOENT", hint: noMountpoint },
  { step: "mount", code: "ENOTDIR", hint: notByLink },
  {
    step: "changeDirectory",
    code: "ENOENT",
    hint:
      "Create it in the root filesystem, or what a link there leads to, or choose another --workdir.",
  },
  ...(["ENOTDIR", "ELOOP"] as const).map((code) => ({
    step: "changeDirectory" as const,
    code,
    hint: `${
      code === "ELOOP" ? "Links there lead in a circle. " : ""
    }Choose another --workdir.`,
  })),
];
