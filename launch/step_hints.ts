/**
 * How to fix a failed step, where its errno misleads or a fix is known. Pure.
 */

import type { Errno } from "../ffi/errno.ts";
import { capabilitiesOf } from "../explain/steps/needs.ts";
import { SINCE } from "../explain/steps/since.ts";
import type { Step } from "../plan/step.ts";
import { type Hint, PATH_HINTS } from "./path_hints.ts";

const ROOT = "Run as root (sudo), or see container doctor.";

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
    return `This machine does not have ${module}. Remove ${flag}, or see container doctor.`;
  }
  return apparmor
    ? "The profile is not loaded. Load it with apparmor_parser(8); see aa-status(8)."
    : "SELinux is disabled, or the label does not exist. Remove --selinux, or see sestatus(8).";
};

/** ELOOP: a magic link of /proc, or a link into /proc or /sys at a place to write to. */
const NO_LINK =
  "The root filesystem has a link there into /proc or /sys, or too many links, and such links are never followed. Correct the link, or use another path.";

const MOVED =
  "The path in /proc or /sys has been replaced: by a mount of this container, possibly through a link in the root filesystem, or by another container that changes the root filesystem.";

const NO_DEVICE =
  "A standard stream is a device such as the host's /dev/null, which must be replaced by the container's own device, but the container has another kind of file there. Check /dev in the root filesystem, or redirect the stream.";

const NO_DEVICE_MADE =
  "A standard stream is a device such as the host's /dev/null, which must be replaced by the container's own device. The container does not have this device, and it cannot be created. Redirect the stream, for example: `true | container exec …`.";

const NO_TERMINAL =
  "A standard stream is /dev/tty, and the container has no controlling terminal. Use the terminal's own name, for example: < $(tty).";

const OPEN_FILES =
  "The limit on open files (ulimit -n) is too low: each bind mount, device and masked path needs a descriptor until all of them are mounted. Raise the limit, or mount a parent directory instead.";

const NO_OVERLAY =
  "The file system of the store cannot be used for an overlay, for example because it is an overlay itself; dmesg shows why. Keep the store on ext4, xfs, btrfs or tmpfs (--store).";

/** Hints for errors whose errno misleads, or for which a fix is known. */
const HINTS: Hint[] = [
  {
    step: "clone",
    code: "EPERM",
    hint: (step) =>
      step.step === "clone" && step.namespaces.includes("user")
        ? "This system does not allow user namespaces for ordinary users. Run as root (sudo), or see container doctor."
        : ROOT,
  },
  ...PATH_HINTS,
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
    hint:
      "You do not have permission to enter it. Check its permissions and owner.",
  },
  {
    step: "mapMount",
    code: "EINVAL",
    hint:
      "Its file system does not support ID mapping. ext4, xfs, btrfs, erofs and, on newer kernels, tmpfs and overlay support it. Move the files to one of those, or change their owner to the container's IDs (chown) and remove idmap.",
  },
  {
    step: "mapMount",
    code: "EPERM",
    hint:
      "Mapping IDs requires CAP_SYS_ADMIN over the file system, and a mount can only be mapped once. Run as root (sudo), and use a mount that is not mapped yet.",
  },
  {
    step: "joinNamespaces",
    code: "ENOENT",
    hint: "Use a file like /proc/PID/ns/net of a running process.",
  },
  { step: "joinNamespaces", code: "EPERM", hint: ROOT },
  { step: "joinNamespaces", code: "EACCES", hint: ROOT },
  {
    step: "joinNamespaces",
    code: "EINVAL",
    hint: "The file is not a namespace of this kind.",
  },
  {
    step: "mount",
    code: "EACCES",
    hint:
      "The host user that root inside maps to cannot enter a parent directory. Check its permissions and owner.",
  },
  {
    step: "setSysctl",
    code: "ENOENT",
    hint: "This kernel does not have this setting. See /proc/sys.",
  },
  {
    step: "setSysctl",
    code: "EINVAL",
    hint: "The kernel does not accept this value.",
  },
  {
    step: "makeDevice",
    code: "EEXIST",
    hint:
      "Another device or another kind of file has this path. Remove it from the root filesystem.",
  },
  {
    step: "openTree",
    code: "EINVAL",
    hint:
      "The mount is unbindable, or it has mounts below it that a user namespace cannot leave out. Include them with rbind.",
  },
  {
    step: "setMountAttributes",
    code: "EPERM",
    hint:
      "In a user namespace a host mount keeps its restrictions (ro, nosuid, nodev, noexec) and its access time options. Use the same options (ro, …), or change the mount on the host.",
  },
  { step: "unshare", code: "EPERM", hint: ROOT },
  { step: "mount", code: "EPERM", hint: ROOT },
  { step: "chroot", code: "EPERM", hint: ROOT },
  {
    step: "clone",
    code: "ENOSPC",
    hint:
      "The limit on namespaces is reached. See /proc/sys/user/max_user_namespaces and the other files there.",
  },
  ...(["clone", "unshare"] as const).map((step) => ({
    step,
    code: "EINVAL" as const,
    hint:
      "This kernel does not support one of these namespaces; container doctor shows which. Share the host's namespace (--network host, …).",
  })),
  // dup3(2): the number is above the limit.
  { step: "mountOverlay", code: "EBADF", hint: OPEN_FILES },
  {
    step: "mountOverlay",
    code: "EINVAL",
    hint:
      "The layers cannot be combined; dmesg shows why. Without root, an overlay cannot cover a directory with mounts below it, such as /. Keep changes to / in memory (--ephemeral), or run as root (sudo).",
  },
  {
    step: "mountOverlay",
    code: "ENODEV",
    hint:
      "This kernel does not support overlay, or its module is not loaded. Run sudo modprobe overlay, or see container doctor.",
  },
  {
    step: "createFilesystem",
    code: "EINVAL",
    hint: (step) =>
      step.step === "createFilesystem" && step.type === "overlay"
        ? "The file system of the store cannot hold what a container changes; dmesg shows why. It may itself be an overlay, as in a container of docker. Name a directory on ext4, xfs or btrfs with --store."
        : `The step is necessary: ${step.why}.`,
  },
  ...(["mount", "createFilesystem"] as const).map((step) => ({
    step,
    code: "ENODEV" as const,
    hint:
      "This kernel does not support this file system. See container doctor.",
  })),
  ...(["EINVAL", "ENOSYS"] as const).map((code) => ({
    step: "setSeccomp" as const,
    code,
    hint:
      "This kernel does not support seccomp filters (CONFIG_SECCOMP_FILTER). See container doctor, or run without a filter (--seccomp unconfined).",
  })),
  {
    step: "clone",
    code: "EAGAIN",
    hint:
      "The limit on processes is reached. See ulimit -u and the pids cgroup.",
  },
  ...(["clone", "joinCgroups"] as const).map((step) => ({
    step,
    code: "EACCES" as const,
    hint:
      "You do not have permission to move a process into this cgroup. Run as root, or in a cgroup that is delegated to you (systemd-run --user --scope -p Delegate=yes).",
  })),
  {
    step: "setIds",
    code: "EINVAL",
    hint:
      "The user or group is not mapped in the user namespace. Map more IDs (--userns auto, --uidmap), or choose another --user.",
  },
  {
    step: "pivotRoot",
    code: "EINVAL",
    hint: "The host runs from an initramfs. Add --chroot.",
  },
  {
    step: "setSeccomp",
    code: "EBUSY",
    hint:
      "Another program already receives notifications of this process's system calls, for example a container manager. Run learn outside that container.",
  },
  {
    step: "joinKeyring",
    code: "EDQUOT",
    hint:
      "The user has reached the limit of keys. See /proc/key-users, and raise kernel.keys.maxkeys (root_maxkeys for root).",
  },
  ...(["EPERM", "EACCES"] as const).map((code) => ({
    step: "joinKeyring" as const,
    code,
    hint:
      "The container would keep the caller's keys. An outer sandbox refuses keyctl(2). Allow it there (docker run --security-opt seccomp=unconfined).",
  })),
  {
    step: "setHostname",
    code: "EINVAL",
    hint: "A hostname can have at most 64 bytes.",
  },
  {
    step: "enterTimeNamespace",
    code: "ERANGE",
    hint:
      "A clock cannot be negative or some centuries ahead. Subtract at most the seconds that /proc/uptime shows.",
  },
  ...(["ENOENT", "EINVAL"] as const).map((code) => ({
    step: "enterTimeNamespace" as const,
    code,
    hint:
      "This kernel does not support time namespaces (CONFIG_TIME_NS). Remove --time-offset.",
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
    hint:
      "Correct the path, or remove the rule. Paths without a rule are not accessible.",
  },
  {
    step: "allowBelow",
    code: "EACCES",
    hint:
      "The user that the command runs as cannot access the path. Remove the rule.",
  },
  {
    step: "allowBelow",
    code: "EBADF",
    hint: "Landlock needs 41 descriptors. Raise --ulimit nofile.",
  },
  {
    step: "restrictSelf",
    code: "E2BIG",
    hint:
      "This process already has 16 layers of Landlock rules, which is the maximum.",
  },
  {
    step: "setPersonality",
    code: "EINVAL",
    hint: "This kernel does not run 32-bit programs.",
  },
  {
    step: "execute",
    code: "E2BIG",
    hint: "The arguments and the environment are too long. Shorten them.",
  },
  {
    step: "execute",
    code: "ENOSYS",
    hint:
      "The seccomp profile answers execve with ENOSYS, its default. Allow execve, and what the command calls, in the profile.",
  },
  {
    step: "execute",
    code: "EPERM",
    hint:
      "Check whether the seccomp profile allows execve. Without no_new_privs, a file whose capabilities the container does not have cannot be executed either.",
  },
];

const isOverlay = (step: Step) =>
  (step.step === "mount" || step.step === "createFilesystem") &&
  step.type === "overlay";

/** A sentence on how to fix it, or at least on why the step is necessary. */
export function hintFor(
  step: Step,
  call: string,
  code: Errno | `E${number}`,
): string {
  const known = HINTS.find((entry) =>
    entry.step === step.step && entry.code === code
  );
  const hint = known?.hint;
  if (code === "EMFILE") return OPEN_FILES;
  if (code === "EINVAL" && isOverlay(step)) return NO_OVERLAY;
  if (typeof hint === "function") return hint(step, call);
  if (hint) return hint;
  if (code === "ENOSYS") {
    const since = SINCE[call];
    return `This kernel does not support ${call}${
      since ? `, which requires Linux ${since}` : ""
    }. container needs Linux 5.12 or newer. See container doctor.`;
  }
  const taken = code === "EPERM" || code === "EACCES"
    ? capabilitiesOf(step)
    : [];
  return taken.length
    ? `This requires ${taken.join(" and ")}. ${ROOT}`
    : `The step is necessary: ${step.why}.`;
}
