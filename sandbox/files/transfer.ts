/**
 * Copies between this machine and a sandbox. What a sandbox contains is not
 * trusted: its links are made last on this machine, and links of an earlier
 * download are removed, so that nothing is written through one of them. Runs on
 * the host, in the program's process.
 */

// @ts-types="../../types/std_path.d.ts"
import { basename, dirname, join, resolve } from "@std/path";
import type { DirEntry, FileInfo } from "./file_info.ts";
import type { MkdirOptions, OpenOptions } from "./file_options.ts";
import type { FsFile } from "./fs_file.ts";
import { inside, plain } from "./paths.ts";

/** What a copy needs of the files. */
interface Files {
  mkdir(path: string, options: MkdirOptions): Promise<void>;
  open(path: string, options?: OpenOptions): Promise<FsFile>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  realPath(path: string | URL): Promise<string>;
  lstat(path: string): Promise<FileInfo>;
  readDir(path: string): AsyncIterable<DirEntry>;
}

/** Copies a file to a path inside, or a directory into a directory inside. */
export async function upload(
  fs: Files,
  localPath: string | URL,
  sandboxPath: string | URL,
): Promise<void> {
  const from = await Deno.realPath(localPath);
  const to = inside(sandboxPath);
  const { isDirectory, isFile } = await Deno.lstat(from);
  if (isDirectory) await uploadDirectory(fs, from, join(to, basename(from)));
  else if (isFile) await uploadFile(fs, from, to);
  else {
    throw new Deno.errors.NotSupported(
      `Cannot upload ${from}: it is neither a file nor a directory`,
    );
  }
}

async function uploadFile(
  fs: Files,
  from: string,
  to: string,
): Promise<void> {
  using file = await Deno.open(from);
  const { isFile, mode } = await file.stat();
  if (!isFile) return;
  const options = { mode: (mode ?? 0o644) & 0o777 };
  const target = await fs.open(to, {
    ...options,
    ...{ write: true, create: true, truncate: true },
  });
  await using open = target;
  await copy(file, open);
}

const PIECE = 1024 * 1024;

/** Copies a file's bytes to another one, here or inside. */
async function copy(
  from: Pick<FsFile, "read">,
  to: Pick<FsFile, "write">,
): Promise<void> {
  const bytes = new Uint8Array(PIECE);
  for (;;) {
    const count = await from.read(bytes);
    if (count === null) return;
    for (let rest = bytes.subarray(0, count); rest.length;) {
      rest = rest.subarray(await to.write(rest));
    }
  }
}

async function uploadDirectory(
  fs: Files,
  from: string,
  to: string,
): Promise<void> {
  await fs.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isSymlink) {
      await fs.symlink(await Deno.readLink(source), target);
    } else if (entry.isDirectory) await uploadDirectory(fs, source, target);
    // Opening a FIFO would wait for its other end.
    else if (entry.isFile) await uploadFile(fs, source, target);
  }
}

/** Copies a file of the sandbox to a path, or a directory into a directory. */
export async function download(
  fs: Files,
  sandboxPath: string | URL,
  localPath: string | URL,
): Promise<void> {
  const from = await fs.realPath(sandboxPath);
  const to = resolve(plain(localPath));
  const { isDirectory } = await fs.lstat(from);
  if (!isDirectory) return await downloadFile(fs, from, to);
  const target = resolve(join(to, basename(from)));
  const links: { path: string; to: string }[] = [];
  await downloadDirectory(fs, from, target, links);
  for (const link of links) {
    if (staysBelow(target, link)) {
      await removeLink(link.path);
      await Deno.symlink(link.to, link.path);
    }
  }
}

/** Removes what an earlier download left at a path, if it is a link. */
async function removeLink(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isSymlink) await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Whether a link leads to something below the directory, whatever the other
 * links are: `..` comes first, where only directories precede it.
 */
function staysBelow(
  directory: string,
  { path, to }: { path: string; to: string },
): boolean {
  const whole = resolve(dirname(path), to);
  return /^(?:\.\.\/)*(?!.*(?:^|\/)\.\.(?:\/|$))[^/]/s.test(to) &&
    (whole === directory || whole.startsWith(`${directory}/`));
}

async function downloadFile(
  fs: Files,
  from: string,
  to: string,
): Promise<void> {
  await using file = await fs.open(from);
  using target = await Deno.open(to, {
    ...{ write: true, create: true, truncate: true },
  });
  await copy(file, target);
}

async function downloadDirectory(
  fs: Files,
  from: string,
  to: string,
  links: { path: string; to: string }[],
): Promise<void> {
  await removeLink(to);
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of fs.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isSymlink) {
      links.push({ path: target, to: await fs.readLink(source) });
    } else if (entry.isDirectory) {
      await downloadDirectory(fs, source, target, links);
    } else if (entry.isFile) {
      await removeLink(target);
      await downloadFile(fs, source, target);
    }
  }
}
