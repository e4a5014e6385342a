/**
 * Files for a virtual machine, whatever they are written into: text of ours,
 * files of the host, directories, devices.
 *
 * @module
 */

/** One thing to put in: text, something of the host, a directory, a device. */
export type Entry =
  & { path: string }
  & (
    | { content: string; mode?: number }
    | { from: string }
    | { directory: true }
    | { device: [major: number, minor: number] }
  );

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;
const S_IFMT = 0o170000;

/** A file as stat(2) describes it; of a link, the content is its target. */
export interface Node {
  /** Without a slash at its beginning. */
  path: string;
  mode: number;
  content?: Uint8Array;
  device?: [major: number, minor: number];
}

export const isDirectory = ({ mode }: Node) => (mode & S_IFMT) === S_IFDIR;
export const isLink = ({ mode }: Node) => (mode & S_IFMT) === S_IFLNK;

const encoder = new TextEncoder();

/**
 * Reads entries, those of directories included. Directories on the way to a
 * file are added, before it; of two with one path the later counts.
 */
export async function readEntries(entries: readonly Entry[]): Promise<Node[]> {
  const nodes = new Map<string, Node>();
  for (const entry of entries) {
    for await (const node of expand(entry)) {
      const parts = node.path.split("/");
      for (let i = 1; i < parts.length; i++) {
        const path = parts.slice(0, i).join("/");
        if (!nodes.has(path)) nodes.set(path, { path, mode: S_IFDIR | 0o755 });
      }
      nodes.set(node.path, node);
    }
  }
  return [...nodes.values()];
}

async function* expand(entry: Entry): AsyncGenerator<Node> {
  const path = entry.path.replace(/^\/+/, "");
  if ("content" in entry) {
    yield {
      path,
      mode: S_IFREG | (entry.mode ?? 0o644),
      content: encoder.encode(entry.content),
    };
  } else if ("directory" in entry) yield { path, mode: S_IFDIR | 0o755 };
  else if ("device" in entry) {
    yield { path, mode: S_IFCHR | 0o600, device: entry.device };
  } else yield* fromHost(path, entry.from);
}

async function* fromHost(
  path: string,
  from: string,
  top = true,
): AsyncGenerator<Node> {
  // A path that is asked for by name is followed; links inside stay links.
  const info = top ? await Deno.stat(from) : await Deno.lstat(from);
  const mode = (info.mode ?? 0o644) & 0o7777;
  if (info.isSymlink) {
    yield {
      path,
      mode: S_IFLNK | 0o777,
      content: encoder.encode(await Deno.readLink(from)),
    };
  } else if (info.isDirectory) {
    yield { path, mode: S_IFDIR | mode };
    for await (const { name } of Deno.readDir(from)) {
      yield* fromHost(`${path}/${name}`, `${from}/${name}`, false);
    }
  } else if (info.isFile) {
    yield { path, mode: S_IFREG | mode, content: await Deno.readFile(from) };
  }
}
