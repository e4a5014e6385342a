/** What a plan depends on beside the Spec: found out by reading, never by doing. */
export interface Facts {
  /** The words that start this program again as the child. */
  self: { argv: string[]; env: string[] };
  /** chroot(2) where pivot_root(2) cannot be (an initramfs), or on request. */
  changeRoot: "pivot_root" | "chroot";
  /** Standard input is our terminal and we are its foreground process group. */
  foreground: boolean;
  /** Mountpoints that the root filesystem lacks. */
  missing: string[];
}
