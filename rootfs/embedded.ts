/**
 * The tree inside the compiled program: packed at compile time, unpacked once
 * into a cache directory of the user when a container needs it. Runs on the
 * host, before any namespace exists.
 *
 * @module
 */
import { makeDirectory, writeNew } from "./assemble.ts";
import { errorCode, explainDiskError, RootfsError } from "./errors.ts";
import { readTar, type TarEntry, writeTar } from "./tar.ts";
import {
  lockDirectory,
  lstatOrNull,
  refuseMounts,
  removeTree,
  sweep,
  temporaryPrefix,
} from "./trees.ts";

/** Packs a tree; the same tree gives the same bytes. */
export function packRootfs(root: string): Uint8Array {
  const entries: TarEntry[] = [];
  // ./fs may be a link to the tree, so the root itself is followed.
  collect(Deno.realPathSync(root), "", entries);
  return writeTar(entries);
}

function collect(root: string, below: string, entries: TarEntry[]): void {
  const names = [...Deno.readDirSync(below === "" ? root : `${root}/${below}`)]
    .map((entry) => entry.name).sort();
  for (const base of names) {
    const name = below === "" ? base : `${below}/${base}`;
    const path = `${root}/${name}`;
    const info = Deno.lstatSync(path);
    const mode = (info.mode ?? 0) & 0o7777;
    if (info.isDirectory) {
      entries.push({ name, mode, kind: "directory" });
      collect(root, name, entries);
    } else if (info.isSymlink) {
      const target = Deno.readLinkSync(path);
      entries.push({ name, mode: 0o777, kind: "symlink", target });
    } else if (info.isFile) {
      entries.push({ name, mode, kind: "file", data: Deno.readFileSync(path) });
    } else {
      throw new RootfsError(
        `Cannot pack ${path}: it is not a file, directory or symlink`,
        { hint: "remove it" },
      );
    }
  }
}

/** Unpacks an archive into a directory it makes; that must not exist. */
export function unpackRootfs(archive: Uint8Array, into: string): void {
  const entries = readTar(archive);
  makeDirectory(into, 0o755);
  const directories: TarEntry[] = [];
  for (const entry of entries) {
    const path = `${into}/${entry.name}`;
    switch (entry.kind) {
      case "directory":
        makeDirectory(path, 0o700);
        directories.push(entry);
        break;
      case "file":
        writeNew(path, entry.data, entry.mode);
        break;
      case "symlink":
        Deno.symlinkSync(entry.target, path);
        break;
    }
  }
  // Last, so that a directory nobody may write can still be filled.
  for (const { name, mode } of directories) {
    Deno.chmodSync(`${into}/${name}`, mode);
  }
}

/** Where an archive's tree is, or will be once it is unpacked. */
export function embeddedTree(sha256: string, cacheDir: string): string {
  return `${cacheDir}/${sha256}/rootfs`;
}

/**
 * Returns the path of the unpacked tree, unpacking it when it is not there.
 * The tree's parent is 0700, so that no other user of the host can run a
 * setuid file made in a container.
 *
 * @param archive What {@linkcode packRootfs} made, or what gives it.
 * @param sha256 The archive's digest; it names the directory in the cache.
 * @param cacheDir A directory of this user; made when missing.
 * @param say Told, in a line, when something is unpacked.
 */
export async function ensureEmbeddedRootfs(
  archive: Uint8Array | (() => Promise<Uint8Array>),
  sha256: string,
  cacheDir: string,
  say: (line: string) => void,
): Promise<string> {
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new RootfsError(
      `Cannot unpack the root filesystem: ${
        JSON.stringify(sha256)
      } is not a SHA-256`,
    );
  }
  const closed = `${cacheDir}/${sha256}`;
  const tree = embeddedTree(sha256, cacheDir);
  try {
    makeCacheDirectory(cacheDir);
    // A container may have deleted its own tree; busybox stands for the rest.
    if (isThere(tree)) return tree;
    using lock = lockDirectory(cacheDir);
    if (isThere(tree)) return tree;
    if (lock !== null) sweep(cacheDir, "rootfs");
    say(`Unpacking the root filesystem into ${tree}`);
    const bytes = typeof archive === "function" ? await archive() : archive;
    unpackBeside(bytes, cacheDir, closed);
    return tree;
  } catch (error) {
    throw explainDiskError(
      `Cannot unpack the root filesystem into ${cacheDir}`,
      error,
    );
  }
}

function isThere(tree: string): boolean {
  return lstatOrNull(`${tree}/bin/busybox`) !== null;
}

function makeCacheDirectory(cacheDir: string): void {
  let info = lstatOrNull(cacheDir);
  if (info === null) {
    Deno.mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
    info = Deno.lstatSync(cacheDir);
  }
  const problem = !info.isDirectory
    ? "it is not a directory"
    : info.uid !== Deno.uid()
    ? `it belongs to user ${info.uid}`
    : ((info.mode ?? 0) & 0o022) !== 0
    ? "others can write it"
    : null;
  if (problem === null) return;
  throw new RootfsError(
    `Cannot keep a root filesystem in ${cacheDir}: ${problem}`,
    { hint: `make it yours alone with "chmod 700", or move it away` },
  );
}

/** Builds under a temporary name and renames: there is never half a tree. */
function unpackBeside(
  archive: Uint8Array,
  cacheDir: string,
  closed: string,
): void {
  const scratch = Deno.makeTempDirSync({
    dir: cacheDir,
    prefix: temporaryPrefix("rootfs"),
  });
  try {
    const fresh = `${scratch}/new`;
    makeDirectory(fresh, 0o700);
    unpackRootfs(archive, `${fresh}/rootfs`);
    if (!isThere(`${fresh}/rootfs`)) {
      throw new RootfsError("Cannot use the archive: it has no bin/busybox");
    }
    if (lstatOrNull(closed) !== null && !isThere(`${closed}/rootfs`)) {
      refuseMounts(closed);
      Deno.renameSync(closed, `${scratch}/old`);
    }
    renameUnlessThere(fresh, closed);
  } finally {
    try {
      removeTree(scratch);
    } catch {
      // The next run sweeps it; the first error matters more.
    }
  }
}

/** Without a lock (a file system that has none) another run may be first. */
function renameUnlessThere(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error))) throw error;
  }
}
