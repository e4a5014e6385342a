/** Lowering of mounts, the root and /proc/sys. */

import { toBytes } from "../../ffi/text.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  F_DUPFD_CLOEXEC,
  O,
} from "../../ffi/fcntl.ts";
import {
  AT_RECURSIVE,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MNT,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  mountAttributes,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MOVE_MOUNT_T_SYMLINKS,
  MS,
  MS_PROPAGATION,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/mount.ts";
import type { MountAttribute } from "../../plan/step.ts";
import type { Argument, Call, Instruction } from "../bytecode/call.ts";
import type { Lowering } from "./lowering.ts";
import { openInside, placeInside } from "./path_inside.ts";
import { refuseKernel, writeToProc } from "./kernel_filesystems.ts";

/** Our processes pass descriptors below this number to one another. */
const ABOVE_OURS = 64;

/** A link must not lead to these mounts: their content is trusted. */
const KERNEL_TYPES = ["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"];

const REGULAR = 0o100000;

/** Mount attributes as a number. */
export const attributeBits = (attributes: readonly MountAttribute[]) =>
  attributes.reduce((bits, name) => bits | MOUNT_ATTR[name], 0);

/** The three access time attributes exclude each other, mount_setattr(2). */
const isAccessTime = (name: MountAttribute) =>
  name === "MOUNT_ATTR_RELATIME" || name === "MOUNT_ATTR_NOATIME" ||
  name === "MOUNT_ATTR_STRICTATIME";

/** open_tree(2): copies the mount at a path. */
export const clone = (
  dirfd: Argument,
  path: string,
  flags: number,
  result: string,
): Call => ({
  name: "open_tree",
  args: [dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags],
  result,
});

/** move_mount(2): attaches the mount in a slot. */
export const move = (
  from: string,
  target: string,
  directory: Argument = AT_FDCWD,
): Call => ({
  name: "move_mount",
  args: [
    { slot: from },
    "",
    directory,
    target,
    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS,
  ],
});

/** fsopen(2), fsconfig(2), fsmount(2): makes a mount in the slot `result`. */
export function create(
  type: string,
  source: string,
  options: readonly string[],
  attributes: number,
  result: string,
): Instruction[] {
  const context = { slot: "filesystem" } as const;
  const set = (option: string): Instruction => {
    const [key = "", value] = option.split(/=(.*)/s);
    return value === undefined
      ? {
        name: "fsconfig",
        args: [context, FSCONFIG.FSCONFIG_SET_FLAG, key, null, 0],
      }
      : {
        name: "fsconfig",
        args: [context, FSCONFIG.FSCONFIG_SET_STRING, key, value, 0],
      };
  };
  return [
    { name: "fsopen", args: [type, FSOPEN_CLOEXEC], result: "filesystem" },
    set(`source=${source}`),
    ...options.map(set),
    {
      name: "fsconfig",
      args: [context, FSCONFIG.FSCONFIG_CMD_CREATE, null, null, 0],
    },
    {
      name: "fsmount",
      args: [context, FSMOUNT_CLOEXEC, attributes],
      result,
    },
    { name: "close", args: [context] },
  ];
}

/**
 * The directories above a path: "/a", "/a/b" for "/a/b/c", and only "/a/b"
 * inside "/a".
 */
export function above(path: string, inside = ""): string[] {
  const parts = path.split("/").filter((part) => part);
  return parts.slice(0, -1).map((_, index) =>
    "/" + parts.slice(0, index + 1).join("/")
  ).filter((directory) => directory.length > inside.length);
}

/**
 * Makes a mountpoint. Errors of a read-only or foreign file system are ignored
 * here: if the mountpoint is missing, the mount that follows fails and names
 * it.
 */
function makeMissing(
  path: string,
  name: "mkdirat" | "mknodat",
  mode: readonly number[],
): Instruction[] {
  const { before, at, after } = placeInside(path);
  const make: Call = {
    name,
    args: [...at, ...mode],
    expect: ["EEXIST", "EROFS", "EACCES", "EPERM"],
  };
  return [
    ...before.map((instruction): Instruction =>
      instruction.name === "openat2"
        ? {
          ...instruction,
          expect: ["EACCES"],
          skipOnExpected: 1 + after.length,
        }
        : instruction
    ),
    make,
    ...after,
  ];
}

/** Makes a directory unless it exists. */
export const makeDirectory = (path: string) =>
  makeMissing(path, "mkdirat", [0o755]);

const TARGET = "target";

/** Checks that no magic link is on the way to a mount's target. */
const checkTarget = (
  target: string,
  isKernelPath: boolean,
  keepsOffKernel = false,
): Instruction[] => {
  const flags = O.O_PATH | (isKernelPath ? O.O_DIRECTORY | O.O_NOFOLLOW : 0);
  const atTop = target.lastIndexOf("/") === 0;
  return [
    isKernelPath && atTop
      ? {
        name: "openat",
        args: [AT_FDCWD, target, flags | O.O_CLOEXEC, 0],
        result: TARGET,
      }
      : openInside(target, flags, TARGET),
    ...(keepsOffKernel ? refuseKernel(TARGET) : []),
    { name: "close", args: [{ slot: TARGET }] },
  ];
};

export const lowerMounts: Lowering<
  | "openTree"
  | "createFilesystem"
  | "receiveMount"
  | "setMountAttributes"
  | "attach"
  | "makeMountpoint"
  | "mount"
  | "pivotRoot"
  | "chroot"
  | "unmount"
  | "makeSymlink"
  | "writeFile"
  | "setSysctl"
> = {
  openTree: ({ name, source, recursive, inside, keepsOffKernel }) => {
    const flags = recursive ? AT_RECURSIVE : 0;
    return inside
      ? [
        openInside(source, O.O_PATH, TARGET),
        ...(keepsOffKernel ? refuseKernel(TARGET) : []),
        clone({ slot: TARGET }, "", AT_EMPTY_PATH | flags, name),
        { name: "close", args: [{ slot: TARGET }] },
      ]
      : [clone(AT_FDCWD, source, flags, name)];
  },
  createFilesystem: ({ name, type, source, options, attributes }) =>
    create(type, source, options, attributeBits(attributes), name),
  receiveMount: ({ name, descriptor }) => [
    {
      name: "fcntl",
      args: [descriptor, F_DUPFD_CLOEXEC, ABOVE_OURS],
      result: name,
    },
    { name: "close", args: [descriptor] },
  ],
  setMountAttributes: (
    { mount, set, clear = [], propagation, recursive },
  ) => [
    ...("inside" in mount ? [openInside(mount.inside, O.O_PATH, TARGET)] : []),
    {
      name: "mount_setattr",
      args: [
        "path" in mount
          ? AT_FDCWD
          : { slot: "name" in mount ? mount.name : TARGET },
        "path" in mount ? mount.path : "",
        AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
        mountAttributes(attributeBits(set), {
          clear: attributeBits(clear) |
            (set.some(isAccessTime) ? MOUNT_ATTR.MOUNT_ATTR__ATIME : 0),
          propagation: propagation ? MS_PROPAGATION[propagation] : 0,
        }),
        MOUNT_ATTR_SIZE,
      ],
    },
    ...("inside" in mount
      ? [{ name: "close", args: [{ slot: TARGET }] } as const]
      : []),
  ],
  attach: ({ name, target, keepsOffKernel, ifThere }) => {
    const check = keepsOffKernel ? refuseKernel(TARGET) : [];
    return [
      {
        ...openInside(target, O.O_PATH, TARGET),
        ...(ifThere
          ? { expect: ["ENOENT"], skipOnExpected: check.length + 2 } as const
          : {}),
      },
      ...check,
      {
        name: "move_mount",
        args: [
          { slot: name },
          "",
          { slot: TARGET },
          "",
          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
        ],
      },
      { name: "close", args: [{ slot: TARGET }] },
      { name: "close", args: [{ slot: name }] },
    ];
  },
  makeMountpoint: ({ path, kind, inside }) => [
    ...above(path, inside).flatMap(makeDirectory),
    ...(kind === "directory"
      ? makeDirectory(path)
      : makeMissing(path, "mknodat", [REGULAR | 0o644, 0])),
  ],
  mount: ({ source, target, type, flags, data, keepsOffKernel }) => [
    // A mount without a type belongs to the host's tree, and the caller chose
    // the path.
    ...(type === null ? [] : checkTarget(
      target,
      KERNEL_TYPES.includes(type),
      keepsOffKernel,
    )),
    {
      name: "mount",
      args: [
        source,
        target,
        type,
        flags.reduce((bits, flag) => bits | MS[flag], 0),
        data,
      ],
    },
  ],
  // "." twice stacks the old root on top of the new one. So the root
  // filesystem, which may be read-only, needs no directory for the old root.
  pivotRoot: ({ root }) => [
    { name: "chdir", args: [root] },
    { name: "pivot_root", args: [".", "."] },
    { name: "umount2", args: [".", MNT.MNT_DETACH] },
    { name: "chdir", args: ["/"] },
  ],
  chroot: ({ root }) => [
    { name: "chroot", args: [root] },
    { name: "chdir", args: ["/"] },
  ],
  unmount: ({ target }) => [
    {
      name: "umount2",
      args: [target, MNT.MNT_DETACH],
      expect: ["EINVAL", "ENOENT"],
    },
  ],
  makeSymlink: ({ path, to, ifWritable }) => {
    const { before, at, after } = placeInside(path);
    return [
      ...before,
      {
        name: "symlinkat",
        args: [to, ...at],
        expect: ["EEXIST", ...(ifWritable ? ["EROFS"] as const : [])],
      },
      ...after,
    ];
  },
  writeFile: ({ path, text }) => [
    openInside(path, O.O_WRONLY, "file"),
    ...refuseKernel("file"),
    {
      name: "write",
      args: [{ slot: "file" }, text, toBytes(text).length],
    },
    { name: "close", args: [{ slot: "file" }] },
  ],
  setSysctl: ({ key, value }) =>
    writeToProc(`/proc/sys/${key.replaceAll(".", "/")}`, value),
};
