/**
 * The content of the root filesystem besides busybox, as data: directories with
 * modes, and the files in etc.
 *
 * @module
 */

/** A directory of the tree. The path is relative to the root. */
export interface SkeletonDirectory {
  readonly path: string;
  readonly mode: number;
}

/** A text file of the tree. The path is relative to the root. */
export interface SkeletonFile extends SkeletonDirectory {
  readonly text: string;
}

/** The links that every tree has. The minimal tree has no others. */
export const SEED_APPLETS: readonly string[] = [
  "sh",
  "ls",
  "cat",
  "echo",
  "ps",
];

/** The minimal tree, as the Go teaching program uses it. */
export const MINIMAL_DIRECTORIES: readonly SkeletonDirectory[] = [
  { path: "bin", mode: 0o755 },
  { path: "proc", mode: 0o755 },
];

/** The directories of the full tree. Parents come before children. */
export const DIRECTORIES: readonly SkeletonDirectory[] = [
  { path: "bin", mode: 0o755 },
  { path: "dev", mode: 0o755 },
  { path: "etc", mode: 0o755 },
  { path: "proc", mode: 0o555 },
  { path: "root", mode: 0o700 },
  { path: "sys", mode: 0o555 },
  { path: "tmp", mode: 0o1777 },
];

/** The files in etc. */
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
    // The name servers of the build machine do not belong in the tree.
    path: "etc/resolv.conf",
    mode: 0o644,
    text: `# No name server yet: the network a container is given decides which
`,
  },
];
