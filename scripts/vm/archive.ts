/**
 * Writes a cpio archive in the "newc" format, which Linux unpacks as its
 * initial RAM disk. See buffer-format.rst in the kernel's documentation.
 *
 * @module
 */

/**
 * An entry: a text, a file or directory of the host, an empty directory, or a
 * device.
 */
export type Entry =
  & { path: string }
  & (
    | { content: string; mode?: number }
    | { from: string }
    | { directory: true }
    | { device: [major: number, minor: number] }
  );

/** The content of an initial RAM disk. */
export type Archive = readonly Entry[];

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

const encoder = new TextEncoder();

interface Node {
  path: string;
  mode: number;
  content?: Uint8Array;
  device?: [number, number];
}

/** Makes the archive. Missing parent directories are added. */
export async function archive(
  entries: Archive,
): Promise<Uint8Array<ArrayBuffer>> {
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
  const chunks = [...nodes.values(), { path: "TRAILER!!!", mode: 0 }]
    .flatMap(encode);
  const bytes = new Uint8Array(
    chunks.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
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
  // A link that is named directly is followed; links below it stay links.
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

let inode = 1;

function encode(
  { path, mode, content = new Uint8Array(), device = [0, 0] }: Node,
): Uint8Array[] {
  const name = encoder.encode(path + "\0");
  const fields = [
    inode++, // ino
    mode,
    0, // uid
    0, // gid
    1, // nlink
    0, // mtime
    content.length,
    0, // devmajor
    0, // devminor
    ...device,
    name.length,
    0, // check
  ].map((field) => field.toString(16).padStart(8, "0")).join("");
  const header = encoder.encode("070701" + fields);
  return [
    header,
    name,
    new Uint8Array(padding(header.length + name.length)),
    content,
    new Uint8Array(padding(content.length)),
  ];
}

const padding = (length: number) => -length & 3;
