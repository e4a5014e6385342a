/**
 * `--rootfs FILE`: a root filesystem in an image file. The kind of image is
 * recognized by its content, not by its name. Only reads and decides; changes
 * nothing. Runs on the host, in the parent.
 */

import { SyscallError } from "../../ffi/errno.ts";
import type { Facts } from "../../plan/facts.ts";
import { ContainerError, SpecError, UsageError } from "../../spec/errors.ts";
import type { World } from "../world/world.ts";
import type { ContainerOptions } from "./options.ts";
import type { Requester } from "./requester.ts";

/** The bytes that identify a kind of content, and their offset. */
interface Mark {
  at: number;
  bytes: readonly number[] | string;
}

/**
 * The file systems that can be mounted, and how to unpack each of them instead.
 */
const MOUNTED: readonly (Mark & {
  type: string;
  /** Whether the file system can be written to at all. */
  writable: boolean;
  unpack: (file: string) => string;
})[] = [
  {
    type: "squashfs",
    at: 0,
    bytes: "hsqs",
    writable: false,
    unpack: (file) => `unsquashfs -d DIR ${file}`,
  },
  {
    type: "erofs",
    at: 1024,
    bytes: [0xe2, 0xe1, 0xf5, 0xe0],
    writable: false,
    unpack: (file) => `fsck.erofs --extract=DIR ${file}`,
  },
  {
    // The ext4 driver also reads ext2 and ext3, which have the same mark.
    type: "ext4",
    at: 1080,
    bytes: [0x53, 0xef],
    writable: true,
    unpack: (file) => `mkdir DIR && debugfs -R 'rdump / DIR' ${file}`,
  },
];

const UNPACK =
  "Unpack it into a directory and use that directory with --rootfs DIR";

/** Other formats that users have, and how to convert them. */
const OTHERS: readonly (Mark & { what: string; hint: string })[] = [
  {
    at: 512,
    bytes: "EFI PART",
    what: "a disk with partitions",
    hint:
      "Copy the partition with the file system into a file (see fdisk -l, dd) and use that file.",
  },
  {
    at: 0x10040,
    bytes: "_BHRfS_M",
    what: "btrfs",
    hint:
      "Only squashfs, erofs and ext4 can be mounted; copy the files into one of these or into a directory.",
  },
  {
    at: 0,
    bytes: "XFSB",
    what: "xfs",
    hint:
      "Only squashfs, erofs and ext4 can be mounted; copy the files into one of these or into a directory.",
  },
  {
    at: 0x8001,
    bytes: "CD001",
    what: "an ISO 9660 image",
    hint: `${UNPACK}, for example with bsdtar -x or 7z.`,
  },
  {
    at: 0,
    bytes: [0x51, 0x46, 0x49, 0xfb],
    what: "a qcow2 disk of a virtual machine",
    hint: "Convert it to raw: qemu-img convert -O raw FILE FILE.raw.",
  },
  {
    at: 257,
    bytes: "ustar",
    what: "a tar archive",
    hint: `${UNPACK}: mkdir DIR && tar -xf FILE -C DIR.`,
  },
  ...([
    ["gzip", [0x1f, 0x8b]],
    ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
    ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
    ["bzip2", "BZh"],
  ] as const).map(([name, bytes]) => ({
    at: 0,
    bytes,
    what: `compressed (${name})`,
    hint:
      `${UNPACK}: mkdir DIR && tar -xf FILE -C DIR; or decompress the image.`,
  })),
  {
    at: 510,
    bytes: [0x55, 0xaa],
    what: "a disk with partitions",
    hint:
      "Copy the partition with the file system into a file (see fdisk -l, dd) and use that file.",
  },
];

const bytesOf = ({ bytes }: Mark) =>
  typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;

function bears(path: string, mark: Mark, world: World): boolean {
  const wanted = bytesOf(mark);
  const found = world.readPart(path, mark.at, wanted.length);
  return found.length === wanted.length &&
    found.every((byte, index) => byte === wanted[index]);
}

/**
 * Finds out what an image file contains, and how to mount it. It is mounted
 * read-only unless the user asked for `readonly: false` and there is no overlay
 * over it.
 *
 * @throws {ContainerError} if the file holds no file system that can be
 * mounted, {SpecError} if the caller is not root, {UsageError} if the file
 * system cannot be written to
 */
export function inspectImage(
  path: string,
  options: ContainerOptions,
  { caller, world }: Pick<Requester, "caller" | "world">,
): NonNullable<Facts["image"]> {
  const kind = kindOf(path, world);
  if (!caller.privileged) {
    throw new SpecError(`Cannot mount the image ${path}: not root`, {
      hint: `Run as root (sudo), or ${decapitalise(UNPACK)}: ${
        kind.unpack(path)
      }.`,
    });
  }
  const layered = options.ephemeral || options.overlay !== undefined;
  const wanted = options.readonly === false && !layered;
  if (wanted && !kind.writable) {
    throw new UsageError(
      `--read-only=false: ${path} is a ${kind.type} image, which is always read-only`,
      "Keep changes in memory (--ephemeral) or in a directory (--overlay DIR).",
    );
  }
  return { image: path, type: kind.type, readonly: !wanted };
}

const decapitalise = (text: string) => text[0]!.toLowerCase() + text.slice(1);

function kindOf(path: string, world: World): typeof MOUNTED[number] {
  const hasMark = (mark: Mark) => reading(path, () => bears(path, mark, world));
  const kind = MOUNTED.find(hasMark);
  if (kind) return kind;
  const other = OTHERS.find(hasMark);
  throw new ContainerError(
    `Cannot use the root filesystem ${path}: it is ${
      other?.what ?? "neither a directory nor a squashfs, erofs or ext4 image"
    }`,
    {
      hint: other?.hint.replaceAll("FILE", path) ?? `${UNPACK}.`,
    },
  );
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ContainerError(
      `Cannot use the root filesystem ${path}: ${
        error.message.replace(/^Cannot call /, "")
      }`,
      { hint: "Run as root (sudo).", cause: error },
    );
  }
}
