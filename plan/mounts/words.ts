/** The flags and attributes of mounts in steps, in C spelling. */

/** A flag of mount(2). */
export type MountFlag =
  | "MS_RDONLY"
  | "MS_NOSUID"
  | "MS_NODEV"
  | "MS_NOEXEC"
  | "MS_BIND"
  | "MS_REC"
  | "MS_PRIVATE"
  | "MS_SLAVE"
  | "MS_SHARED"
  | "MS_UNBINDABLE"
  | "MS_REMOUNT"
  | "MS_RELATIME"
  | "MS_STRICTATIME"
  | "MS_SYNCHRONOUS"
  | "MS_DIRSYNC"
  | "MS_I_VERSION"
  | "MS_LAZYTIME"
  | "MS_SILENT"
  | "MS_NOATIME"
  | "MS_NODIRATIME"
  | "MS_NOSYMFOLLOW"
  | "MS_MANDLOCK";

/** An attribute of mount_setattr(2). */
export type MountAttribute =
  | "MOUNT_ATTR_RDONLY"
  | "MOUNT_ATTR_NOSUID"
  | "MOUNT_ATTR_NODEV"
  | "MOUNT_ATTR_NOEXEC"
  | "MOUNT_ATTR_NOSYMFOLLOW"
  | "MOUNT_ATTR_NODIRATIME"
  | "MOUNT_ATTR_RELATIME"
  | "MOUNT_ATTR_NOATIME"
  | "MOUNT_ATTR_STRICTATIME";

/** How mounts and unmounts propagate between mount trees, mount_namespaces(7). */
export type Propagation = "private" | "slave" | "shared" | "unbindable";

/**
 * The file systems whose type is verified at /proc and /sys before a step works
 * in them.
 */
export type KernelType = "proc" | "sysfs";

/**
 * The file system from which a path is followed, by a descriptor of its root.
 * Of several steps in a row, the first opens and verifies it, the last closes
 * it.
 */
export interface KernelAnchor {
  /** The type of the file system. */
  type: KernelType;
  /** This step opens the descriptor. */
  opens: boolean;
  /** This step closes the descriptor. */
  closes: boolean;
}
