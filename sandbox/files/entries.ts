/**
 * The entries of a directory of a sandbox, in as many requests as they take.
 * Runs on the host, in the program's process.
 */

import { O } from "../../ffi/fcntl.ts";
import { toText } from "../../ffi/text.ts";
import { check, openAt, SAFE, statFile } from "./calls.ts";
import type { FileHelper } from "./exchange.ts";
import { type DirEntry, ENTRY, parseEntries } from "./file_info.ts";
import {
  type FileAnswer,
  type FileArgument,
  type FileRequest,
  MOST_DATA,
  RECEIVED,
} from "./request.ts";

/** The entries of a directory, in the order of the file system. */
export async function* entriesOf(
  helper: FileHelper,
  what: string,
  path: string,
): AsyncGenerator<DirEntry> {
  const first = await helper.exchange(what, (request) => {
    const directory = openAt(
      request,
      path,
      O.O_RDONLY | O.O_DIRECTORY | SAFE,
    );
    request.send(directory);
    const read = readEntries(request, directory);
    return (answer) => {
      check(what, answer);
      return { ...read(answer), directory: answer.descriptor };
    };
  });
  using directory = first.directory;
  for (let piece: Piece = first;;) {
    for (const { name, type } of piece.entries) {
      const text = toText(name);
      yield type ? entryOf(text, type) : await askFor(helper, what, path, text);
    }
    if (piece.isLast || !directory) return;
    piece = await helper.exchange(what, (request) => {
      const read = readEntries(request, RECEIVED);
      return (answer) => {
        check(what, answer);
        return read(answer);
      };
    }, directory);
  }
}

interface Piece {
  entries: ReturnType<typeof parseEntries>;
  isLast: boolean;
}

/** Reads entries, and whether they are all. */
function readEntries(
  request: FileRequest,
  directory: FileArgument,
): (answer: FileAnswer) => Piece {
  const buffer = request.space(MOST_DATA);
  const count = request.call("getdents64", [directory, buffer, MOST_DATA]);
  request.answerWith(buffer, count);
  return (answer) => {
    const length = answer.result(count);
    // The kernel fills a buffer to its end, except for one longest name.
    return {
      entries: parseEntries(answer.bytes(buffer, length)),
      isLast: length === 0,
    };
  };
}

const entryOf = (name: string, type: number): DirEntry => ({
  name,
  isFile: type === ENTRY.file,
  isDirectory: type === ENTRY.directory,
  isSymlink: type === ENTRY.symlink,
});

async function askFor(
  helper: FileHelper,
  what: string,
  path: string,
  name: string,
): Promise<DirEntry> {
  const { isFile, isDirectory, isSymlink } = await statFile(
    helper,
    what,
    `${path}/${name}`,
    { follow: false },
  );
  return { name, isFile, isDirectory, isSymlink };
}
