/**
 * The files of an archive: a tar file, plain or compressed. A plain file stays
 * where it is, and only its headers are read. Anything else is a stream, whose
 * content goes to a file of the caller's first. Constant memory. Runs in the
 * command's process.
 */

import { storeError } from "../store/places.ts";
import { compressionOf, decompress } from "../decompress/decompress.ts";
import { type ByteString, fromText, shown } from "../tar/byte_string.ts";
import { ArchiveError, LayerError } from "../tar/errors.ts";
import { BLOCK, type Entry } from "../tar/tar_format.ts";
import { type TarHandler, TarReader } from "../tar/tar_reader.ts";
import { type FileSet, streamPart, unusable } from "./file_set.ts";
import { systemReason } from "../../spec/errors.ts";

/** Where the content of a member is. */
interface Part {
  offset: number;
  size: number;
}

type Member =
  | { kind: "file"; part: Part }
  | { kind: "link"; target: ByteString }
  | { kind: "directory" };

/** More than any archive of images has; they are kept in memory. */
const MOST_MEMBERS = 100_000;
/** As many links as the kernel follows. */
const MOST_LINKS = 40;

/** What the members of an archive are. */
class Members implements TarHandler {
  readonly members = new Map<ByteString, Member>();
  /** The part of the file whose data is read. */
  current: Part | null = null;

  constructor(
    readonly place: string,
    /** Is told the content of files. */
    readonly write: (bytes: Uint8Array) => void = () => {},
  ) {}

  entry(entry: Entry): void {
    const name = this.#nameOf(entry.name);
    this.current = null;
    const member = this.#memberOf(name, entry);
    if (name === "") return;
    const before = this.members.get(name);
    if (
      before && (before.kind !== "directory" || member.kind !== "directory")
    ) {
      throw unusable(this.place, `it has two members ${quoted(name)}`);
    }
    if (this.members.size >= MOST_MEMBERS) {
      throw unusable(this.place, `it has more than ${MOST_MEMBERS} members`);
    }
    this.members.set(name, member);
  }

  data(bytes: Uint8Array): void {
    this.write(bytes);
  }

  end(): void {}

  /** A name without `.`; it may not leave the archive. */
  #nameOf(name: ByteString): ByteString {
    const parts = name.split("/").filter((part) => part && part !== ".");
    if (name.startsWith("/") || parts.includes("..")) {
      throw unusable(
        this.place,
        `its member ${quoted(name)} leads out of the archive`,
      );
    }
    return parts.join("/");
  }

  #memberOf(name: ByteString, entry: Entry): Member {
    const { kind, link, size, sparse } = entry;
    switch (kind) {
      case "directory":
        return { kind };
      case "file":
        if (sparse) break;
        this.current = { offset: 0, size };
        return { kind, part: this.current };
      case "hardLink":
        return { kind: "link", target: this.#nameOf(link) };
      case "symbolicLink": {
        const target = resolved(name, link);
        if (target !== null) return { kind: "link", target };
        throw unusable(
          this.place,
          `its link ${quoted(name)} leads out of the archive`,
        );
      }
    }
    throw unusable(
      this.place,
      `its member ${quoted(name)} is ${
        sparse ? "a file with holes" : "neither a file nor a directory"
      }`,
    );
  }
}

const quoted = (name: ByteString) => JSON.stringify(shown(name.slice(0, 200)));

/** Where a symbolic link leads in the archive; null if out of it. */
function resolved(name: ByteString, link: ByteString): ByteString | null {
  if (link.startsWith("/")) return null;
  const parts = name.split("/").slice(0, -1);
  for (const part of link.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/");
}

/** The files of an archive, in a file that has them all. */
export class ArchiveFiles implements FileSet {
  constructor(
    readonly place: string,
    readonly file: string,
    readonly members: ReadonlyMap<ByteString, Member>,
  ) {}

  sizeOf(path: string): number | null {
    return this.#find(path)?.size ?? null;
  }

  stream(path: string): AsyncGenerator<Uint8Array> {
    return streamPart(this.file, this.#find(path) ?? { offset: 0, size: 0 });
  }

  #find(path: string): Part | null {
    let name = fromText(path);
    for (let links = 0; links < MOST_LINKS; links++) {
      const member = this.members.get(name) ?? this.#below(name);
      if (!member) return null;
      if (member.kind === "file") return member.part;
      if (member.kind === "directory") {
        throw unusable(this.place, `${path} is not a file`);
      }
      name = member.target;
    }
    throw unusable(this.place, `the links of ${path} lead in a circle`);
  }

  /** A member below a directory that is a link. */
  #below(name: ByteString): Member | null {
    for (let at = name.lastIndexOf("/"); at > 0;) {
      const member = this.members.get(name.slice(0, at));
      if (member?.kind === "link") {
        return { kind: "link", target: member.target + name.slice(at) };
      }
      at = name.lastIndexOf("/", at - 1);
    }
    return null;
  }
}

/** How a stream is kept. */
export interface Spool {
  /** The file for the content, which is created. */
  file: string;
  /** The most bytes of the archive, decompressed. */
  most: number;
  /** Ends the reading. */
  signal?: AbortSignal;
}

/**
 * Opens an archive.
 *
 * @param spool for an archive that is compressed or no ordinary file
 * @throws {ContainerError}
 */
export async function openArchive(
  place: string,
  path: string,
  spool: Spool,
): Promise<ArchiveFiles> {
  try {
    using file = await Deno.open(path);
    const { isFile, isDirectory, size } = await file.stat();
    if (isDirectory) {
      throw unusable(place, "it is a directory", "Name a file.");
    }
    if (isFile) {
      const start = new Uint8Array(8);
      const length = await file.read(start) ?? 0;
      await file.seek(0, Deno.SeekMode.Start);
      if (compressionOf(start.subarray(0, length)) === null) {
        return indexed(place, path, file, size);
      }
    }
    return await spooled(place, chunksOf(file), spool);
  } catch (error) {
    if (error instanceof Error && /os error/.test(error.message)) {
      throw unusable(place, systemReason(error), "Check the path.");
    }
    throw error;
  }
}

async function* chunksOf(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = new Uint8Array(64 * 1024);
    const length = await file.read(buffer);
    if (length === null) return;
    yield buffer.subarray(0, length);
  }
}

/** Reads the headers of a plain archive. */
function indexed(
  place: string,
  path: string,
  file: Deno.FsFile,
  size: number,
): ArchiveFiles {
  const members = new Members(place);
  const reader = new TarReader(members);
  const buffer = new Uint8Array(16 * BLOCK);
  explained(place, () => {
    let position = 0;
    for (;;) {
      file.seekSync(position, Deno.SeekMode.Start);
      const length = file.readSync(buffer);
      if (length === null) break;
      for (let at = 0; at < length; at += BLOCK) {
        const block = buffer.subarray(at, Math.min(at + BLOCK, length));
        reader.push(block);
        position += block.length;
        if (!reader.ahead) continue;
        members.current!.offset = position;
        const end = position + reader.ahead;
        position += reader.skip();
        if (end > size) {
          throw unusable(place, `it ends inside ${quoted(reader.last ?? "")}`);
        }
        break;
      }
      if (reader.ended) break;
    }
    reader.finish();
  });
  return new ArchiveFiles(place, path, members.members);
}

/**
 * Keeps the content of an archive that comes as a stream.
 *
 * @throws {ContainerError}
 */
export async function spooled(
  place: string,
  source: AsyncIterable<Uint8Array>,
  { file: path, most, signal }: Spool,
): Promise<ArchiveFiles> {
  using file = await Deno.open(path, {
    createNew: true,
    write: true,
    mode: 0o600,
  });
  let written = 0;
  let total = 0;
  const members = new Members(place, (bytes) => {
    try {
      for (let rest = bytes; rest.length;) {
        rest = rest.subarray(file.writeSync(rest));
      }
    } catch (error) {
      throw storeError(path, error);
    }
    written += bytes.length;
  });
  const { entry } = members;
  members.entry = (header) => {
    entry.call(members, header);
    if (members.current) members.current.offset = written;
  };
  const reader = new TarReader(members);
  const take = (bytes: Uint8Array) => {
    total += bytes.length;
    if (total > most) {
      throw unusable(
        place,
        `it has more than ${most} bytes`,
        "Allow more with --max-unpacked.",
      );
    }
    reader.push(bytes);
  };
  try {
    await decompress(watched(source, signal), take);
    reader.finish();
  } catch (error) {
    throw explanation(place, error);
  }
  return new ArchiveFiles(place, path, members.members);
}

async function* watched(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    signal?.throwIfAborted();
    yield bytes;
  }
}

function explained(place: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw explanation(place, error);
  }
}

/** The error of the archive, not of a layer. */
function explanation(place: string, error: unknown): unknown {
  if (!(error instanceof LayerError)) return error;
  if (!(error instanceof ArchiveError)) {
    return unusable(
      place,
      error.message.replace(/^Cannot read the layer: /, ""),
    );
  }
  const { fault, after } = error;
  return unusable(
    place,
    after === undefined ? fault : `${fault}, after ${quoted(after)}`,
  );
}
