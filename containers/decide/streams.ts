/**
 * Classifies the standard streams of a command: which the parent copies, which
 * become the container's own devices, and which are refused. Only reads and
 * decides; changes nothing. Runs on the host, in the parent.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { DEFAULT_DEVICES } from "../../plan/mounts/devices.ts";
import type { Facts, RelayedStream } from "../../plan/facts.ts";
import { streamNames } from "../../plan/process/streams.ts";
import { UsageError } from "../../spec/errors.ts";
import type { FileInfo, World } from "../world/world.ts";

/** How the streams are to be used. */
export interface StreamOptions {
  /** What each stream is connected to. Default: that of this process. */
  streams: readonly (Stdio | undefined)[];
  /** The streams that a terminal of the container replaces. */
  replaced: readonly number[];
  /**
   * Pass every stream of this process as it is: for engines, and for `--streams
   * inherit`.
   */
  inheritFiles?: boolean;
  /** Pipes among the streams of this process were created for the container. */
  ownsPipes?: boolean;
}

/** The facts about the streams that a plan depends on. */
export type StreamFacts = Pick<
  Facts,
  "nullStreams" | "deviceStreams" | "ownStreams" | "relayedStreams"
>;

/** null(4). */
const NULL = { major: 1, minor: 3 };
/** pts(4): the master side of a terminal. */
const MASTER = { major: 5, minor: 2 };

const STANDARD = [0, 1, 2];

/**
 * Classifies the three streams.
 *
 * @throws {UsageError} for a directory, and for a device that is neither a
 * terminal nor one of the container's devices
 */
export function readStreams(
  { streams, replaced, inheritFiles = false, ownsPipes }: StreamOptions,
  world: World,
): StreamFacts {
  const tie = (fd: number) => streams[fd] ?? "inherit";
  const kinds = STANDARD.map((fd) =>
    tie(fd) === "inherit" ? kindOf(fd, inheritFiles, world) : null
  );
  const files = STANDARD.filter((fd) => {
    const { [fd]: kind } = kinds;
    if (!kind || inheritFiles) return false;
    if (
      typeof kind === "object" && (kind.isDirectory || !replaced.includes(fd))
    ) {
      throw refused(fd, kind);
    }
    return kind === "file" && !replaced.includes(fd);
  });
  return {
    nullStreams: STANDARD.filter((fd) =>
      tie(fd) === "null" || kinds[fd] === "null"
    ),
    deviceStreams: inheritFiles ? [] : DEFAULT_DEVICES.map(({ path }) => ({
      path,
      descriptors: STANDARD.filter((fd) => kinds[fd] === path),
    })).filter(({ descriptors }) => descriptors.length),
    ownStreams: STANDARD.filter((fd) =>
      tie(fd) === "piped" || files.includes(fd) ||
      ownsPipes && kinds[fd] === "pipe"
    ),
    relayedStreams: pipesFor(files, world),
  };
}

/** A stream that is refused, and what it is in words. */
interface Refused {
  what: string;
  isDirectory?: true;
}

/**
 * What a stream is. A path stands for one of the devices that every container
 * has.
 */
type Kind = "file" | "null" | "pipe" | "other" | `/dev/${string}` | Refused;

/**
 * Classifies a stream by its file type and device number: its path could name
 * something else by now.
 */
function kindOf(fd: number, inheritFiles: boolean, world: World): Kind {
  let info: FileInfo | null;
  try {
    info = world.descriptor(fd);
  } catch (error) {
    // A file that only its owner may stat (FUSE): it could be anything.
    if (inheritFiles || !(error instanceof SyscallError)) throw error;
    return "file";
  }
  switch (info?.type) {
    case undefined:
    case "socket":
      return "other";
    case "file":
    case "block device":
      return "file";
    case "fifo":
      return "pipe";
    case "directory":
      return { what: "a directory", isDirectory: true };
    case "character device":
      return kindOfDevice(fd, info!, world);
    default:
      return { what: "neither a file nor a pipe, socket or terminal" };
  }
}

function kindOfDevice(fd: number, { rdev }: FileInfo, world: World): Kind {
  const major = rdev >> 8 & 0xfff;
  const minor = rdev & 0xff | rdev >> 12 & 0xfff00;
  if (major === NULL.major && minor === NULL.minor) return "null";
  const own = DEFAULT_DEVICES.find((device) =>
    device.major === major && device.minor === minor
  );
  if (own) return own.path as `/dev/${string}`;
  // The master side of a terminal has terminal attributes too, but a command
  // must not get it: it is the ptmx device of the program that opened it.
  const isMaster = major === MASTER.major && minor === MASTER.minor;
  if (!isMaster && world.isTerminal(fd)) return "other";
  return { what: `a device (character ${major}:${minor})` };
}

function refused(fd: number, { what, isDirectory }: Refused): UsageError {
  return new UsageError(
    `Cannot pass ${streamNames([fd])}: it is ${what} of the host`,
    `${
      isDirectory
        ? "Mount it with --volume"
        : "Add the device with --device and open it inside"
    }, or pass it unchanged with --streams inherit.`,
  );
}

/**
 * One pipe for each file; one for both outputs if they are the same open file:
 * after `> FILE 2>&1`, two pipes would lose the order of the output.
 */
function pipesFor(files: readonly number[], world: World): RelayedStream[] {
  const isOne = files.includes(1) && files.includes(2) &&
    world.isSameFile(1, 2);
  return files.flatMap((fd) =>
    isOne && fd === 2
      ? []
      : [{ descriptors: isOne && fd === 1 ? [1, 2] : [fd] }]
  );
}

/** What a stream of the container is connected to. */
export type Stdio = "inherit" | "null" | "piped";
