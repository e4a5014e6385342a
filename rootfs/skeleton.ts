/**
 * What is in the root filesystem besides busybox: directories, their modes and
 * the texts below etc, as data.
 *
 * @module
 */

/** A directory of the tree, its path relative to the root. */
export interface SkeletonDirectory {
  readonly path: string;
  readonly mode: number;
}

/** A text file of the tree, its path relative to the root. */
export interface SkeletonFile extends SkeletonDirectory {
  readonly text: string;
}

/** The links every tree has, and the only ones of the minimal tree. */
export const SEED_APPLETS: readonly string[] = [
  "sh",
  "ls",
  "cat",
  "echo",
  "ps",
];

/** The minimal tree, the one of the Go teaching program. */
export const MINIMAL_DIRECTORIES: readonly SkeletonDirectory[] = [
  { path: "bin", mode: 0o755 },
  { path: "proc", mode: 0o755 },
];

/** Parents come before children. */
export const DIRECTORIES: readonly SkeletonDirectory[] = [
  { path: "bin", mode: 0o755 },
  { path: "dev", mode: 0o755 },
  { path: "etc", mode: 0o755 },
  { path: "proc", mode: 0o555 },
  { path: "root", mode: 0o700 },
  { path: "sys", mode: 0o555 },
  { path: "tmp", mode: 0o1777 },
];

/** The files below etc. */
export const FILES: readonly SkeletonFile[] = [
  {
    path: "etc/passwd",
    mode: 0o644,
    text: `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`,
  },
  {
    // tty is group 5 because devpts is mounted with gid=5.
    path: "etc/group",
    mode: 0o644,
    text: `root:x:0:
tty:x:5:
nogroup:x:65534:
`,
  },
  { path: "etc/hostname", mode: 0o644, text: "container\n" },
  {
    path: "etc/hosts",
    mode: 0o644,
    text: `127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
`,
  },
  {
    // The builder's name servers do not belong in a tree that is shipped.
    path: "etc/resolv.conf",
    mode: 0o644,
    text: `# No name server yet: the network a container is given decides which
`,
  },
];
