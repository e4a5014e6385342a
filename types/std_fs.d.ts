// std on npm has no types. These are the functions that this project uses.
export function copy(
  src: string,
  dest: string,
  options?: { overwrite?: boolean; preserveTimestamps?: boolean },
): Promise<void>;
export function emptyDir(dir: string): Promise<void>;
export function ensureDir(dir: string): Promise<void>;
export function ensureDirSync(dir: string): void;
export function ensureSymlink(target: string, link: string): Promise<void>;
export function exists(
  path: string,
  options?: { isFile?: boolean; isDirectory?: boolean; isReadable?: boolean },
): Promise<boolean>;
export function existsSync(
  path: string,
  options?: { isFile?: boolean; isDirectory?: boolean; isReadable?: boolean },
): boolean;
export interface WalkEntry extends Deno.DirEntry {
  path: string;
}
export function walk(
  root: string,
  options?: { includeDirs?: boolean; includeFiles?: boolean; exts?: string[] },
): AsyncIterableIterator<WalkEntry>;
