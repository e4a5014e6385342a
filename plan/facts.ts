/** What a plan depends on beside the Spec: found out by reading, never by doing. */
export interface Facts {
  /** The words that start this program again as the child. */
  self: { argv: string[]; env: string[] };
  /** chroot(2) where pivot_root(2) cannot be (an initramfs), or on request. */
  changeRoot: "pivot_root" | "chroot";
  /** Standard input is our terminal and we are its foreground process group. */
  foreground: boolean;
  /** Standard streams that a terminal of the container's own replaces. */
  terminalStreams: number[];
  /** Standard error is a terminal of the host. */
  errorsOnTerminal: boolean;
  /** Our own program stays inside as PID 1. */
  init: boolean;
  /** Bind sources that are not directories. */
  files: string[];
  /** Ids are mapped by newuidmap(1): we may not ourselves. */
  mapHelper: boolean;
  /** Standard streams that are the host's /dev/null. */
  nullStreams: number[];
  /** Neither root nor CAP_SETGID: setgroups has to be given up. */
  denySetgroups: boolean;
  /** Device nodes cannot be made, so the host's are bind mounted. */
  bindDevices: boolean;
  /**
   * No device can be opened but those of the container's own /dev: a node made
   * inside, or one that lies in an image, is a file like any other.
   */
  confineDevices: boolean;
  /** Where the new process joins its cgroup. */
  cgroupFiles: string[];
  /** The cgroup to be made. */
  cgroup: { path: string; writes: { file: string; value: string }[] } | null;
  /** The seccomp filter, compiled, in base64. */
  seccomp: { profile: string; filter: string; flags: number } | null;
  /**
   * What the root filesystem is: a directory, the host's own tree, or nothing
   * but what is put there.
   */
  rootKind: "directory" | "host" | "empty";
  /** What goes between the root filesystem and the container. */
  overlay: { upper: string | null; work: string | null } | null;
}
