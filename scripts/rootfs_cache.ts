/**
 * The cache of downloaded busybox binaries: one file each, named by
 * architecture and SHA-256. A file that has been changed or truncated is
 * therefore detected when it is read.
 *
 * @module
 */
// @ts-types="../types/std_fs.d.ts"
import { ensureDir } from "@std/fs";
// @ts-types="../types/std_path.d.ts"
import { isAbsolute, join } from "@std/path";
import { SourceError } from "../rootfs/errors.ts";
import { type Arch, PINNED_BUSYBOX } from "../rootfs/sources.ts";
import { sha256Hex } from "../rootfs/verify.ts";

type Say = (line: string) => void;

/**
 * The directory of the cache; `null` if the environment has no home directory.
 */
export function cachePath(
  env: (name: string) => string | undefined,
): string | null {
  const xdg = env("XDG_CACHE_HOME");
  // The XDG base directory specification says to ignore a relative path.
  if (xdg && isAbsolute(xdg)) return join(xdg, "container", "busybox");
  const home = env("HOME");
  return home ? join(home, ".cache", "container", "busybox") : null;
}

/**
 * Reads the pinned binary, or else the newest one for this architecture.
 *
 * @throws {SourceError} if there is none
 */
export async function readCache(
  dir: string | null,
  arch: Arch,
  say: Say,
): Promise<Uint8Array> {
  const trusted = await openCache(dir, { create: false });
  for (const path of await candidates(trusted, arch)) {
    const bytes = await Deno.readFile(path);
    const digest = await sha256Hex(bytes);
    if (path.endsWith(`-${digest}`)) return bytes;
    say(`Removed ${path} from the cache: its SHA-256 is ${digest}`);
    await Deno.remove(path);
  }
  throw new SourceError(`it contains nothing for ${arch}`);
}

/** Adds a binary, by a temporary name. A full disk is not an error. */
export async function writeCache(
  dir: string | null,
  arch: Arch,
  bytes: Uint8Array,
  say: Say,
): Promise<void> {
  let temporary: string | undefined;
  try {
    const trusted = await openCache(dir, { create: true });
    const path = join(trusted, `${arch}-${await sha256Hex(bytes)}`);
    temporary = await Deno.makeTempFile({ dir: trusted, prefix: "new-" });
    await Deno.writeFile(temporary, bytes, { mode: 0o600 });
    await Deno.rename(temporary, path);
  } catch (error) {
    if (temporary !== undefined) await Deno.remove(temporary).catch(() => {});
    say(`Not added to the cache: ${message(error)}`);
  }
}

/**
 * Opens the cache. Its content is executed, possibly as root, so no other user
 * may be able to write to it.
 */
async function openCache(
  dir: string | null,
  options: { create: boolean },
): Promise<string> {
  if (dir === null) {
    throw new SourceError("HOME and XDG_CACHE_HOME are not set");
  }
  if (options.create) await ensureDir(dir);
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(dir);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new SourceError("it is empty");
    }
    throw new SourceError(message(error), { cause: error });
  }
  if (!info.isDirectory) throw new SourceError(`${dir} is not a directory`);
  if (info.uid !== Deno.uid()) {
    throw new SourceError(`${dir} belongs to user ${info.uid}`);
  }
  if (options.create) {
    await Deno.chmod(dir, 0o700);
  } else if (((info.mode ?? 0) & 0o022) !== 0) {
    throw new SourceError(`other users can write to ${dir}`);
  }
  return dir;
}

async function candidates(dir: string, arch: Arch): Promise<string[]> {
  const pinned = `${arch}-${PINNED_BUSYBOX[arch]?.sha256}`;
  const found: { path: string; rank: number }[] = [];
  for await (const { name, isFile } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (isFile && name.startsWith("new-")) await removeStale(path);
    if (!isFile || !name.startsWith(`${arch}-`)) continue;
    if (!/-[0-9a-f]{64}$/.test(name)) continue;
    const changed = (await Deno.lstat(path)).mtime?.getTime() ?? 0;
    found.push({ path, rank: name === pinned ? Infinity : changed });
  }
  return found.sort((a, b) => b.rank - a.rank).map(({ path }) => path);
}

/**
 * Removes an old temporary file. Writing takes milliseconds, so after an hour
 * no writer exists any more.
 */
async function removeStale(path: string): Promise<void> {
  const changed = (await Deno.lstat(path)).mtime?.getTime() ?? 0;
  if (Date.now() - changed > 3_600_000) await Deno.remove(path);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
