/**
 * The tree inside the compiled program. It is packed at compile time and
 * unpacked once into the user's cache when a container needs it. Runs on the
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

/** Packs a tree into an archive. The same tree always gives the same bytes. */
export function packRootfs(root: string): Uint8Array {
  const entries: TarEntry[] = [];
  // ./fs may be a link to the tree, so the link is followed.
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

/** Unpacks an archive into a new directory, which must not exist. */
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
  // At the end, because a directory may have a mode without write permission.
  for (const { name, mode } of directories) {
    Deno.chmodSync(`${into}/${name}`, mode);
  }
}

/** The path of an archive's tree, whether it is unpacked or not. */
export function embeddedTree(sha256: string, cacheDir: string): string {
  return `${cacheDir}/${sha256}/rootfs`;
}

/**
 * Returns the path of the unpacked tree, and unpacks it first if it is missing.
 * The parent directory has mode 0700: otherwise another user of the host could
 * run a setuid file that was created in a container.
 *
 * @param archive The archive of {@linkcode packRootfs}, or a function that
 * returns it.
 * @param sha256 The digest of the archive. It names the directory in the cache.
 * @param cacheDir A directory of this user; it is created if missing.
 * @param say Takes a message if the archive is unpacked.
 * @throws {RootfsError} if the cache cannot be used
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
    // A container may have damaged its tree. Only busybox is checked.
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
    ? "other users can write to it"
    : null;
  if (problem === null) return;
  throw new RootfsError(
    `Cannot keep a root filesystem in ${cacheDir}: ${problem}`,
    { hint: `restrict it with "chmod 700", or move it` },
  );
}

/**
 * Unpacks under a temporary name and renames, so that no incomplete tree is
 * ever visible.
 */
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
      // The next run removes it. The first error is more important.
    }
  }
}

/**
 * Renames the tree. Without a lock (on a file system without locks) another
 * process may have been faster.
 */
function renameUnlessThere(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error))) throw error;
  }
}
