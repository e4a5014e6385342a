/** sys/mount.h: the mount tree and the root directory. */

import { syscall } from "./libc.ts";
import { cString } from "./memory.ts";

export const MS = {
  MS_RDONLY: 0x1,
  MS_NOSUID: 0x2,
  MS_NODEV: 0x4,
  MS_NOEXEC: 0x8,
  MS_SYNCHRONOUS: 0x10,
  MS_REMOUNT: 0x20,
  MS_MANDLOCK: 0x40,
  MS_DIRSYNC: 0x80,
  MS_NOSYMFOLLOW: 0x100,
  MS_NOATIME: 0x400,
  MS_NODIRATIME: 0x800,
  MS_BIND: 0x1000,
  MS_MOVE: 0x2000,
  MS_REC: 0x4000,
  MS_SILENT: 0x8000,
  MS_UNBINDABLE: 0x20000,
  MS_PRIVATE: 0x40000,
  MS_SLAVE: 0x80000,
  MS_SHARED: 0x100000,
  MS_RELATIME: 0x200000,
  MS_I_VERSION: 0x800000,
  MS_STRICTATIME: 0x1000000,
  MS_LAZYTIME: 0x2000000,
} as const;

/** Propagation types, by the words of mount_namespaces(7). */
export const MS_PROPAGATION = {
  private: MS.MS_PRIVATE,
  slave: MS.MS_SLAVE,
  shared: MS.MS_SHARED,
  unbindable: MS.MS_UNBINDABLE,
} as const;

export const MNT = { MNT_FORCE: 1, MNT_DETACH: 2, UMOUNT_NOFOLLOW: 8 } as const;

const orNull = (text: string | null) => text === null ? null : cString(text);

/** mount(2). */
export function mount(
  source: string | null,
  target: string,
  { type = null, flags = 0, data = null }: {
    type?: string | null;
    flags?: number;
    data?: string | null;
  } = {},
): void {
  const bytes = [orNull(source), cString(target), orNull(type), orNull(data)];
  syscall("mount", bytes[0]!, bytes[1]!, bytes[2]!, flags, bytes[3]!);
}

/** umount2(2). */
export function umount2(target: string, flags = 0): void {
  syscall("umount2", cString(target), flags);
}

export const OPEN_TREE_CLONE = 1;
export const OPEN_TREE_CLOEXEC = 0o2000000;
export const AT_RECURSIVE = 0x8000;
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
export const MOVE_MOUNT_T_SYMLINKS = 0x10;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export const FSCONFIG = {
  FSCONFIG_SET_FLAG: 0,
  FSCONFIG_SET_STRING: 1,
  FSCONFIG_CMD_CREATE: 6,
} as const;
export const MOUNT_ATTR = {
  MOUNT_ATTR_RDONLY: 0x1,
  MOUNT_ATTR_NOSUID: 0x2,
  MOUNT_ATTR_NODEV: 0x4,
  MOUNT_ATTR_NOEXEC: 0x8,
  /** The mask of the next three. To set one of them, clear the whole mask. */
  MOUNT_ATTR__ATIME: 0x70,
  MOUNT_ATTR_RELATIME: 0,
  MOUNT_ATTR_NOATIME: 0x10,
  MOUNT_ATTR_STRICTATIME: 0x20,
  MOUNT_ATTR_NODIRATIME: 0x80,
  MOUNT_ATTR_IDMAP: 0x100000,
  MOUNT_ATTR_NOSYMFOLLOW: 0x200000,
} as const;
/** The size of struct mount_attr. */
export const MOUNT_ATTR_SIZE = 32;

/** struct mount_attr of mount_setattr(2). */
export function mountAttributes(
  set: number,
  { clear = 0, propagation = 0, userNamespace = 0 }: {
    clear?: number;
    propagation?: number;
    /** The descriptor for MOUNT_ATTR_IDMAP. */
    userNamespace?: number;
  } = {},
): Uint8Array<ArrayBuffer> {
  const words = [set, clear, propagation, userNamespace].map(BigInt);
  return new Uint8Array(new BigUint64Array(words).buffer);
}
