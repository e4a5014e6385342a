/**
 * A virtual machine's disk, an ext4 image: Deno with the libraries it needs,
 * busybox, and what is asked for.
 *
 * @module
 */

// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { type Entry, isDirectory, isLink, readEntries } from "./entries.ts";
import { output, withLibraries } from "./host.ts";

/** Room for what is written there; the file has holes. */
const FREE = 768 << 20;

/**
 * The machine ends without an unmount, and its disk with it: neither a journal
 * nor checksums have a use, and an emulated processor is slow at both. Nor
 * should its kernel write the tables of inodes.
 */
const FORMAT = [
  ...["-q", "-t", "ext4", "-m", "0"],
  ...["-O", "^has_journal,^metadata_csum", "-E", "lazy_itable_init=0"],
];

/** Makes an image with these files, all of which are root's. */
export async function makeDisk(
  image: string,
  entries: readonly Entry[],
): Promise<void> {
  const tree = await Deno.makeTempDir({ prefix: "container-vm-disk-" });
  try {
    const bytes = await fill(tree, [...await systemEntries(), ...entries]);
    const size = `${Math.ceil((bytes + FREE) / 1024)}k`;
    const words = ["mke2fs", ...FORMAT, "-d", tree, image, size];
    // Whoever makes it, in the image the files are root's.
    if (Deno.uid() !== 0) words.unshift("unshare", "--map-root-user");
    await output(words[0]!, words.slice(1));
  } finally {
    await Deno.remove(tree, { recursive: true });
  }
}

/** Writes files below a directory, and says how many bytes they have. */
async function fill(tree: string, entries: readonly Entry[]): Promise<number> {
  let bytes = 0;
  for (const node of await readEntries(entries)) {
    const path = join(tree, node.path);
    const content = node.content ?? new Uint8Array();
    bytes += content.length;
    if (isDirectory(node)) await Deno.mkdir(path);
    else if (isLink(node)) {
      await Deno.symlink(new TextDecoder().decode(content), path);
    } else await Deno.writeFile(path, content);
    if (!isLink(node)) await Deno.chmod(path, node.mode & 0o7777);
  }
  return bytes;
}

const USERS = `root:x:0:0:root:/root:/bin/sh
user:x:1000:1000::/tmp:/bin/sh
messagebus:x:100:100::/:/bin/false
`;

const GROUPS = `root:x:0:
user:x:1000:
messagebus:x:100:
`;

const DIRECTORIES = [
  ...["bin", "sbin", "usr/bin", "usr/sbin", "etc", "root", "var/tmp"],
  ...["proc", "sys", "dev", "run", "tmp"],
];

async function systemEntries(): Promise<Entry[]> {
  return [
    ...DIRECTORIES.map((path) => ({ path, directory: true as const })),
    { path: "bin/busybox", from: "/bin/busybox" },
    ...await withLibraries({
      "/usr/bin/deno": await Deno.realPath(Deno.execPath()),
      // busybox has a setpriv that cannot change the user.
      "/usr/bin/setpriv": "/usr/bin/setpriv",
    }),
    { path: "etc/passwd", content: USERS },
    { path: "etc/group", content: GROUPS },
    { path: "etc/hosts", content: "127.0.0.1 localhost\n" },
  ];
}
