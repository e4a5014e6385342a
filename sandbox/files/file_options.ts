/** The options of the methods of a sandbox's files. Only types. */

/** The options of `readFile` and `readTextFile`. */
export interface ReadFileOptions {
  /** Ends the read. */
  signal?: AbortSignal;
}

/** The options of `writeFile` and `writeTextFile`. */
export interface WriteFileOptions {
  /** Adds to the end of the file instead of replacing its content. */
  append?: boolean;
  /** Whether a file that does not exist is made. Default: true. */
  create?: boolean;
  /** Nothing may exist at the path. */
  createNew?: boolean;
  /** The permissions that the file gets, also if it exists. */
  mode?: number;
  /** Ends the write. */
  signal?: AbortSignal;
}

/** The options of `open`. Default: `{ read: true }`. */
export interface OpenOptions {
  /** For reading. */
  read?: boolean;
  /** For writing. */
  write?: boolean;
  /** For writing at the end. */
  append?: boolean;
  /** Removes the content. Needs `write`. */
  truncate?: boolean;
  /** Makes a file that does not exist. Needs `write` or `append`. */
  create?: boolean;
  /** Makes the file; nothing may exist at the path. */
  createNew?: boolean;
  /** The permissions of a new file, without those of the umask. Default: 0o666. */
  mode?: number;
}

/** The options of `mkdir`. */
export interface MkdirOptions {
  /** Makes the directories above too; the directory may exist. */
  recursive?: boolean;
  /** Its permissions, without those of the umask. Default: 0o777. */
  mode?: number;
}

/** The options of `remove`. */
export interface RemoveOptions {
  /** Removes a directory with everything in it. */
  recursive?: boolean;
}

/** The options of `makeTempDir` and `makeTempFile`. */
export interface MakeTempOptions {
  /** The directory to make it in. Default: `/tmp`. */
  dir?: string;
  /** The first part of its name. */
  prefix?: string;
  /** The last part of its name. */
  suffix?: string;
}

/** The options of `walk`. */
export interface WalkOptions {
  /** How deep it goes below the path. Default: no limit. */
  maxDepth?: number;
  /** Whether files are among the entries. Default: true. */
  includeFiles?: boolean;
  /** Whether directories are among the entries. Default: true. */
  includeDirs?: boolean;
  /** Whether symbolic links are among the entries. Default: true. */
  includeSymlinks?: boolean;
  /** Whether links are followed. Default: false. */
  followSymlinks?: boolean;
  /** Whether the path of a followed link is its target's. Default: true. */
  canonicalize?: boolean;
  /** The endings of names to return. */
  exts?: string[];
  /** Patterns, one of which a path to return matches. */
  match?: RegExp[];
  /** Patterns of paths that are skipped, with everything below. */
  skip?: RegExp[];
}

/** The options of `expandGlob`. */
export interface ExpandGlobOptions {
  /** Where a relative pattern starts. Default: `/home/sandbox`. */
  root?: string;
  /** Patterns of paths that are left out. */
  exclude?: string[];
  /** Whether directories are among the entries. Default: true. */
  includeDirs?: boolean;
  /** Whether links are followed. Default: false. */
  followSymlinks?: boolean;
  /** Whether `**` matches directories of any depth. Default: true. */
  globstar?: boolean;
  /** Whether upper and lower case are the same. Default: false. */
  caseInsensitive?: boolean;
}
