/** The error of a step that failed. */

import { type Errno, errnoText } from "../ffi/errno.ts";
import { describe } from "../explain/steps/describe.ts";
import { capabilitiesOf } from "../explain/steps/needs.ts";
import { SINCE } from "../explain/steps/since.ts";
import type { Step, StepKind } from "../plan/step.ts";
import { ContainerError } from "../spec/errors.ts";

const ROOT = "Run as root (sudo), or see container doctor.";

/** The path on which a step mounts or makes something. */
const targetOf = (step: Step) =>
  "target" in step
    ? step.target
    : step.step === "makeMountpoint"
    ? step.path
    : "";

const noMountpoint = (step: Step) =>
  `The root filesystem has no ${
    targetOf(step)
  } and it could not be made there: make it, or let changes go to memory (--ephemeral).`;

const notByLink = (step: Step) =>
  `${
    targetOf(step)
  } of the root filesystem is a link or a file: what the kernel shows there is mounted on a directory only.`;

/**
 * A missing file in /proc means that the kernel has no such module. Any other
 * failure means that the module does not know the label.
 */
const noLabel = (step: Step, call: string) => {
  const apparmor = step.step === "setLabel" && step.kind === "apparmor";
  const [module, flag] = apparmor
    ? ["AppArmor", "--apparmor"]
    : ["SELinux", "--selinux"];
  if (call === "openat2") {
    return `There is no ${module} on this machine: leave out ${flag}, or see container doctor.`;
  }
  return apparmor
    ? "No such profile is loaded: load it with apparmor_parser(8), see aa-status(8)."
    : "SELinux is off here, or has no such label: leave out --selinux, or see sestatus(8).";
};

/** ELOOP: a magic link of /proc, or a link into /proc or /sys at a place to write to. */
const NO_LINK =
  "The root filesystem has a link there that leads into /proc or /sys, or too many of them: nothing is made or written through one. Mend the link, or name another place.";

const MOVED =
  "Something else has taken its place in /proc or /sys: a mount of this container, also one by a link of the root filesystem, or another container that changes it.";

const NO_DEVICE =
  "A standard stream is a device of the host's, /dev/null or the like, and has to become the container's own, and what the container has there is none: see what /dev is in the root filesystem, or give another stream.";

const NO_DEVICE_MADE =
  "A standard stream is a device of the host's, /dev/null or the like, and has to become the container's own. It has none at that path, and none can be made there: give another stream, as by `true | container exec …`.";

const NO_TERMINAL =
  "A standard stream is /dev/tty, and there is no terminal that it stands for here: give the terminal by its own name, as by < $(tty).";

/** Hints for errors whose errno misleads, or for which a fix is known. */
const HINTS: {
  step: StepKind;
  code: Errno;
  hint: string | ((step: Step, call: string) => string);
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
  {
    step: "attach",
    code: "EINVAL",
    hint:
      "A directory is mounted on a directory only, a file on a file: see what the root filesystem has there.",
  },
  { step: "makeMountpoint", code: "ENOENT", hint: noMountpoint },
  { step: "mount", code: "ENOTDIR", hint: notByLink },
  ...([
    "makeMountpoint",
    "openTree",
    "attach",
    "mount",
    "makeDevice",
    "makeSymlink",
    "writeFile",
  ] as const).map((step) => ({ step, code: "ELOOP" as const, hint: NO_LINK })),
  ...([
    "maskPath",
    "readonlyPath",
    "setSysctl",
    "setLabel",
    "setOomScore",
  ] as const).map((step) => ({ step, code: "EXDEV" as const, hint: MOVED })),
  ...(["reopenNull", "reopenDevice"] as const).flatMap((step) => [
    ...(["ENOENT", "ENOTDIR", "ENODEV", "ELOOP", "EACCES"] as const).map((
      code,
    ) => ({ step, code, hint: NO_DEVICE })),
    { step, code: "EPERM" as const, hint: NO_DEVICE_MADE },
  ]),
  { step: "reopenDevice", code: "ENXIO", hint: NO_TERMINAL },
  {
    step: "pivotRoot",
    code: "EACCES",
    hint: "You may not enter it: see the permissions and the owner of it.",
  },
  {
    step: "mapMount",
    code: "EINVAL",
    hint:
      "Its file system cannot map ids, as ext4, xfs, btrfs, erofs and, on newer kernels, tmpfs and overlay can: keep the files on one of those, or give them to the ids of the container (chown) and leave out idmap.",
  },
  {
    step: "mapMount",
    code: "EPERM",
    hint:
      "Only who administers its file system may map its ids, and only once: run as root (sudo), and name what is not mapped already.",
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
  {
    step: "makeDevice",
    code: "EEXIST",
    hint:
      "Another device is there, or a file that is none: remove it from the root filesystem.",
  },
  {
    step: "openTree",
    code: "EINVAL",
    hint:
      "It is unbindable, or there are mounts below it, which a user namespace does not let out of sight: ask for them too (rbind).",
  },
  {
    step: "setMountAttributes",
    code: "EPERM",
    hint:
      "In a user namespace a mount of the host stays as restricted as it is there (ro, nosuid, nodev, noexec), and keeps its access times: ask for it as it is (ro, …), or change the mount on the host.",
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
  ...(["clone", "unshare"] as const).map((step) => ({
    step,
    code: "EINVAL" as const,
    hint:
      "This kernel lacks one of these namespaces: container doctor says which. Share the host's (--network host, …).",
  })),
  {
    step: "mountOverlay",
    code: "EINVAL",
    hint:
      "Its layers do not go together: dmesg says why. Without root none can lie on a directory that has mounts below it, as / has: let changes to / go to memory (--ephemeral), or run as root (sudo).",
  },
  {
    step: "mountOverlay",
    code: "ENODEV",
    hint:
      "This kernel has no overlay file system, or has not loaded its module: sudo modprobe overlay, or see container doctor.",
  },
  ...(["mount", "createFilesystem"] as const).map((step) => ({
    step,
    code: "ENODEV" as const,
    hint: "This kernel has no such file system: see container doctor.",
  })),
  ...(["EINVAL", "ENOSYS"] as const).map((code) => ({
    step: "setSeccomp" as const,
    code,
    hint:
      "This kernel does not filter system calls (CONFIG_SECCOMP_FILTER): see container doctor, or do without (--seccomp unconfined).",
  })),
  {
    step: "clone",
    code: "EAGAIN",
    hint:
      "The limit on processes is reached: see ulimit -u and the pids cgroup.",
  },
  ...(["clone", "joinCgroups"] as const).map((step) => ({
    step,
    code: "EACCES" as const,
    hint:
      "The cgroup is not yours to put a process in: run as root, or in one that is handed to you (systemd-run --user --scope -p Delegate=yes).",
  })),
  {
    step: "setIds",
    code: "EINVAL",
    hint:
      "The user namespace has no such user or group: map more of them (--userns auto, --uidmap), or choose another --user.",
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
    step: "setSeccomp",
    code: "EBUSY",
    hint:
      "Something hears of this process's system calls already, as in a container of some managers: learn outside of it.",
  },
  {
    step: "joinKeyring",
    code: "EDQUOT",
    hint:
      "The user has as many keys as it may: see /proc/key-users, and raise kernel.keys.maxkeys (root_maxkeys for root).",
  },
  ...(["EPERM", "EACCES"] as const).map((code) => ({
    step: "joinKeyring" as const,
    code,
    hint:
      "The container would keep the caller's keys. A sandbox around this one refuses keyctl(2): allow it there (docker run --security-opt seccomp=unconfined).",
  })),
  {
    step: "setHostname",
    code: "EINVAL",
    hint: "A hostname has at most 64 bytes.",
  },
  {
    step: "enterTimeNamespace",
    code: "ERANGE",
    hint:
      "A clock cannot be before zero, nor some centuries on: subtract no more seconds than /proc/uptime tells.",
  },
  ...(["ENOENT", "EINVAL"] as const).map((code) => ({
    step: "enterTimeNamespace" as const,
    code,
    hint:
      "This kernel has no time namespaces (CONFIG_TIME_NS): leave out --time-offset.",
  })),
  { step: "enterTimeNamespace", code: "EPERM", hint: ROOT },
  ...(["ENOENT", "EINVAL"] as const).map((code) => ({
    step: "setLabel" as const,
    code,
    hint: noLabel,
  })),
  {
    step: "allowBelow",
    code: "ENOENT",
    hint: "Mend the path, or leave out the rule: what is not there is closed.",
  },
  {
    step: "allowBelow",
    code: "EACCES",
    hint:
      "The user that the command runs as cannot get there: leave out the rule.",
  },
  {
    step: "allowBelow",
    code: "EBADF",
    hint: "Landlock takes 41 descriptors: raise --ulimit nofile.",
  },
  {
    step: "restrictSelf",
    code: "E2BIG",
    hint: "Landlock is around this process 16 times already.",
  },
  {
    step: "setPersonality",
    code: "EINVAL",
    hint: "This kernel runs no 32-bit programs.",
  },
  {
    step: "execute",
    code: "E2BIG",
    hint: "The arguments and environment are too long: pass fewer.",
  },
  {
    step: "execute",
    code: "EPERM",
    hint:
      "Does the seccomp profile allow execve? Without no_new_privs, a file with capabilities that are not given cannot be executed either.",
  },
];

/**
 * A failed step: the action, the system call that failed, and the reason for
 * the step, so its reader can judge the failure.
 */
export class StepError extends ContainerError {
  /** The name of the class. */
  override name = "StepError";
  /** Takes the step, its failed system call and the errno. */
  constructor(
    /** The step as in the plan. */
    readonly step: Step,
    /** The system call that failed. */
    readonly call: string,
    /** The name of the errno, for example `ENOENT`. */
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
  const known = HINTS.find((entry) =>
    entry.step === step.step && entry.code === code
  );
  const hint = known?.hint;
  if (typeof hint === "function") return hint(step, call);
  if (hint) return hint;
  if (code === "ENOSYS") {
    const since = SINCE[call];
    return `This kernel has no ${call}${
      since ? `, which came with Linux ${since}` : ""
    }: container needs Linux 5.12 or newer. See container doctor.`;
  }
  const taken = code === "EPERM" || code === "EACCES"
    ? capabilitiesOf(step)
    : [];
  return taken.length
    ? `That takes ${taken.join(" and ")}. ${ROOT}`
    : `The step is there for a reason: ${step.why}.`;
}
