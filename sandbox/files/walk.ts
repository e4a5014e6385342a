/**
 * Walks of the files of a sandbox, with the options of std. Runs on the host, in
 * the program's process.
 */

// @ts-types="../../types/std_path_glob.d.ts"
import { basename, globToRegExp, isGlob, join, normalize } from "@std/path";
import { HOME } from "../settle.ts";
import type { DirEntry, FileInfo } from "./file_info.ts";
import type { ExpandGlobOptions, WalkOptions } from "./file_options.ts";

/** An entry of a walk, with its path. */
export interface WalkEntry extends DirEntry {
  /** Its path. */
  path: string;
}

/** What a walk needs of the files. */
interface Reader {
  stat(path: string): Promise<FileInfo>;
  readDir(path: string): AsyncIterable<DirEntry>;
  realPath(path: string): Promise<string>;
}

/** The links that may lead to one another. */
const MOST_FOLLOWED = 40;

/** The path and everything below it. */
export async function* walk(
  fs: Reader,
  root: string,
  options: WalkOptions = {},
): AsyncIterableIterator<WalkEntry> {
  const path = normalize(root);
  const { isFile, isDirectory, isSymlink } = await fs.stat(path);
  const name = basename(path) || "/";
  const entry = { path, name, isFile, isDirectory, isSymlink };
  yield* visit(fs, entry, options, { depth: 0, followed: 0 });
}

async function* visit(
  fs: Reader,
  entry: WalkEntry,
  options: WalkOptions,
  { depth, followed }: { depth: number; followed: number },
): AsyncIterableIterator<WalkEntry> {
  const { maxDepth = Infinity, skip = [] } = options;
  if (
    depth > maxDepth || skip.some((pattern) => matches(pattern, entry.path))
  ) {
    return;
  }
  if (entry.isSymlink) {
    if (!options.followSymlinks) {
      if (options.includeSymlinks !== false && isWanted(entry, options)) {
        yield entry;
      }
      return;
    }
    if (followed >= MOST_FOLLOWED) return;
    yield* visit(fs, await targetOf(fs, entry, options), options, {
      depth,
      followed: followed + 1,
    });
    return;
  }
  const { includeDirs = true, includeFiles = true } = options;
  const isIncluded = entry.isDirectory ? includeDirs : includeFiles;
  if (isIncluded && isWanted(entry, options)) yield entry;
  if (!entry.isDirectory || depth >= maxDepth) return;
  for await (const child of fs.readDir(entry.path)) {
    yield* visit(
      fs,
      { ...child, path: join(entry.path, child.name) },
      options,
      {
        depth: depth + 1,
        followed,
      },
    );
  }
}

async function targetOf(
  fs: Reader,
  entry: WalkEntry,
  { canonicalize = true }: WalkOptions,
): Promise<WalkEntry> {
  const { isFile, isDirectory } = await fs.stat(entry.path);
  const path = canonicalize ? await fs.realPath(entry.path) : entry.path;
  return { ...entry, path, isFile, isDirectory, isSymlink: false };
}

/** A pattern with the flag g begins where it ended last. */
function matches(pattern: RegExp, path: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(path);
}

const isWanted = (
  { path }: WalkEntry,
  { exts, match }: WalkOptions,
): boolean =>
  (!exts || exts.some((ext) => path.endsWith(ext))) &&
  (!match || match.some((pattern) => matches(pattern, path)));

/** The paths that match a pattern of a shell. */
export async function* expandGlob(
  fs: Reader,
  glob: string,
  options: ExpandGlobOptions = {},
): AsyncIterableIterator<WalkEntry> {
  const {
    root = HOME,
    exclude = [],
    includeDirs = true,
    followSymlinks = false,
    globstar = true,
    caseInsensitive = false,
  } = options;
  const syntax = { extended: true, globstar, caseInsensitive };
  const whole = (path: string) =>
    normalize(path.startsWith("/") ? path : join(root, path));
  const pattern = whole(glob);
  const wanted = globToRegExp(pattern, syntax);
  const left = exclude.map((path) => globToRegExp(whole(path), syntax));
  const start = fixedPart(pattern);
  const depth = globstar && pattern.includes("**")
    ? Infinity
    : pattern.split("/").length - start.split("/").length +
      (start === "/" ? 1 : 0);
  const wants = (path: string) =>
    wanted.test(path) && !left.some((exclusion) => exclusion.test(path));
  try {
    const found = walk(fs, start, {
      maxDepth: Math.max(0, depth),
      followSymlinks,
      canonicalize: false,
      skip: left,
    });
    for await (const entry of found) {
      if (entry.isDirectory && !includeDirs) continue;
      if (wants(entry.path)) yield entry;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The directories before the first part with a wildcard. */
function fixedPart(pattern: string): string {
  const parts = pattern.split("/");
  const wild = parts.findIndex((part) => isGlob(part));
  return (wild < 0 ? parts : parts.slice(0, wild)).join("/") || "/";
}
