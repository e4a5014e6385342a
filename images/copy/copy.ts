/**
 * What `cp` copies, and where it goes: docker's rules for files, directories and
 * slashes at the end, see docker's reference of `container cp`. Runs on the host,
 * in the command's process.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { S_IF } from "../../ffi/files/files.ts";
import { ContainerError } from "../../spec/errors.ts";
import { packFile, packTree } from "../layers/pack_tree.ts";
import { type ByteString, fromText, splitPath } from "../tar/byte_string.ts";
import { cleanPath, findPlace, type Place } from "./place.ts";

/** A path on one of the two sides. */
export interface Side {
  /** What `/` is for the path. */
  root: Descriptor;
  path: string;
  /** The path as the user has written it, for messages. */
  shown: string;
  /** Refuses a place that is no part of these files. */
  check?(path: ByteString): void;
}

/** What is copied. */
export interface Source extends Disposable {
  place: Place;
  /** What is in the directory, and not the directory. */
  isContents: boolean;
  /** Its name at the destination, if that is a directory. */
  base: ByteString;
}

/** Where it goes. */
export interface Target {
  /** The directory, from the root. */
  into: ByteString;
  /** The name in it; `.` for what is in a directory. */
  as: ByteString;
}

/** A path that can only be a directory. */
const meansDirectory = (path: string) => /(^|\/)\.?$/.test(path);

const fail = (shown: string, cause: string, hint: string) =>
  new ContainerError(`Cannot copy ${shown}: ${cause}`, { hint });

/**
 * Finds what is to be copied.
 *
 * @param follow a link is followed
 * @throws {ContainerError} if it is not there, or cannot be copied
 */
export function sourceOf(
  { root, path, shown, check }: Side,
  { follow }: { follow: boolean },
): Source {
  const isDirectory = meansDirectory(path);
  const place = findPlace(root, fromText(path), {
    follow: follow || isDirectory,
  });
  try {
    if (!place?.status) {
      throw fail(shown, "there is no such file", "Check the path.");
    }
    check?.(place.path);
    if (isDirectory && !place.isDirectory) {
      throw fail(
        shown,
        "it is not a directory",
        "Remove what follows its name.",
      );
    }
    if ((place.status.mode & S_IF.mask) === S_IF.socket) {
      throw fail(
        shown,
        "it is a socket",
        "Sockets belong to the process that has made them.",
      );
    }
  } catch (error) {
    place?.[Symbol.dispose]();
    throw error;
  }
  const [, base] = splitPath(cleanPath(fromText(path)));
  return {
    place,
    isContents: /(^|\/)\.$/.test(path) || base === "",
    base: base || ".",
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

/**
 * The tar file of what is copied.
 *
 * @param as its name in the archive
 * @throws LayerError if it cannot be read
 */
export function* archiveOf(
  { place }: Source,
  as: ByteString,
  { enters, owner }: {
    enters?(path: ByteString): boolean;
    owner?(uid: number, gid: number): { uid: number; gid: number };
  } = {},
): Generator<Uint8Array> {
  const { directory, name, status, path } = place;
  if (!place.isDirectory) {
    yield* packFile({ directory: directory.fd, name, status: status! }, {
      as,
      owner,
    });
    return;
  }
  using top = place.open();
  yield* packTree(`/proc/self/fd/${top.fd}/.`, {
    as,
    owner,
    enters: enters &&
      ((below) =>
        enters(path === "" ? below : below === "" ? path : `${path}/${below}`)),
  });
}

/**
 * Finds out where something goes.
 *
 * @param source what is copied; null for the entries of a tar file
 * @throws {ContainerError} if it cannot go there
 */
export function targetOf(
  { root, path, shown, check }: Side,
  source: Source | null,
): Target {
  using place = findPlace(root, fromText(path), { follow: true });
  const to = `to ${shown}`;
  if (!place) {
    throw fail(to, "its directory does not exist", "Make the directory first.");
  }
  check?.(place.path);
  if (place.isDirectory) {
    const as = !source || source.isContents ? "." : source.base;
    return { into: place.path, as };
  }
  if (!source) {
    throw fail(
      to,
      place.status ? "it is not a directory" : "there is no such directory",
      "Name a directory for the files of an archive.",
    );
  }
  const [into, as] = splitPath(place.path);
  if (place.status) {
    if (source.place.isDirectory) {
      throw fail(
        to,
        "a directory cannot replace a file",
        "Remove the file first, or name another directory.",
      );
    }
    if (meansDirectory(path)) {
      throw fail(to, "it is not a directory", "Remove the slash at its end.");
    }
    if (!place.isRegular) {
      throw fail(
        to,
        "it is a device, a pipe or a socket",
        "Use - for standard output, or name a file.",
      );
    }
    return { into, as };
  }
  if (meansDirectory(path) && !source.place.isDirectory) {
    throw fail(
      to,
      "there is no such directory",
      "Make the directory first, or remove the slash at its end.",
    );
  }
  return { into, as };
}
