/**
 * The guards of a plan that is carried out again: system calls that fail if its
 * decision would read anything else of the machine now. They are made from the
 * log of what the decision has read (containers/world/log.ts), by the kind of
 * each read; launch/native/reuse.h carries them out before the plan. Pure.
 */

import { splitDevice } from "../../cgroup/devices.ts";
import type { Errno } from "../../ffi/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "../../ffi/openat2.ts";
import { toBytes } from "../../ffi/text.ts";
import type {
  Argument,
  Call,
  EntryInstruction,
} from "../../launch/bytecode/call.ts";
import type { Answer, Read } from "../world/log.ts";
import type { CapabilitySets, FileInfo } from "../world/world.ts";
import {
  bytesOf,
  hasCapabilities,
  hasLimit,
  hasName,
  same,
} from "./machine_guards.ts";

/** A read whose answer no guard can check. */
export class NoGuard extends Error {
  constructor({ kind, of }: Read) {
    super(`Nothing checks ${[kind, ...of].join(" ")} again`);
  }
}

/** A read that a guard is made from; `root` is the slot of its directory. */
type Guard = (read: Read, root: Argument) => EntryInstruction[] | null;

/**
 * All guards, in the order of the reads.
 *
 * @throws {NoGuard} for a read whose answer no guard can check
 */
export function guardsOf(reads: readonly Read[]): EntryInstruction[] {
  const directories = new Map<string, string>();
  for (const { kind, of: [path] } of reads) {
    if (kind === "openDirectory" && !directories.has(String(path))) {
      directories.set(String(path), `directory${directories.size}`);
    }
  }
  const guards = reads.flatMap((read) => {
    if (read.kind in ELSEWHERE) return [];
    const slot = directories.get(String(read.of[0])) ?? "directory";
    const guard = Object.hasOwn(GUARDS, read.kind)
      ? GUARDS[read.kind]!(read, { slot })
      : null;
    if (!guard) throw new NoGuard(read);
    return guard;
  });
  return [
    ...guards,
    ...[...directories.values()].map((slot): EntryInstruction => ({
      name: "close",
      args: [{ slot }],
    })),
  ];
}

/** What is checked in another way, and how. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  descriptor: "the key has the kind of each stream",
  isSameFile: "the key has it",
  isTerminal: "look_at_streams() lets no terminal pass",
  isInForeground: "look_at_streams() lets no terminal pass",
  workingDirectory: "the key has it",
  variable: "the plan has the variables",
  program: "the native code compares the file of the program",
  architecture: "it is that of the program",
};

const isRefused = (answer: Answer): answer is { refused: Errno } =>
  typeof answer === "object" && answer !== null && "refused" in answer;

/** By the kind of a read; null if this answer cannot be checked. */
const GUARDS: Readonly<Record<string, Guard>> = {
  stat: (read) => hasInfo(read, 0),
  lstat: (read) => hasInfo(read, AT_SYMLINK_NOFOLLOW),
  realPath: ({ of: [path], answer }) =>
    opened(at(path), answer, (file) => [
      { name: "isAt", args: [file, String(answer)] },
    ]),
  readLink: ({ of: [path], answer }) =>
    isRefused(answer)
      ? null
      : leadsTo([AT_FDCWD, String(path)], String(answer)),
  readText: ({ of: [path], answer }) =>
    opened(at(path), answer, (file) => hasText(file, String(answer))),
  access: ({ of: [path, mode], answer }) => [{
    name: "faccessat",
    args: [AT_FDCWD, String(path), mode === "write" ? W_OK : 0],
    ...answer === true ? {} : fails("ENOENT", "ENOTDIR", "EACCES", "EROFS"),
  }],
  openDirectory: ({ of: [path], answer }, root) =>
    isRefused(answer) ? null : [
      {
        name: "openat",
        args: [
          AT_FDCWD,
          String(path),
          O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC,
          0,
        ],
        result: slotOf(root),
      },
      { name: "isAt", args: [root, String(answer)] },
    ],
  "in.stat": (read, root) => hasEntry(read, inside(root, read), infoOf(read)),
  "in.lstat": (read, root) =>
    hasEntry(read, inside(root, read, O.O_NOFOLLOW), infoOf(read)),
  "in.readLink": (read, root) =>
    hasEntry(
      read,
      inside(root, read, O.O_NOFOLLOW),
      (file) => leadsTo([file, ""], String(read.answer)),
    ),
  "in.readText": (read, root) =>
    hasEntry(
      read,
      inside(root, read),
      (file) => hasText(file, String(read.answer)),
    ),
  "in.exists": (read, root) => exists(read, root),
  ids: ({ answer }) => {
    const { uid, gid } = answer as { uid: number; gid: number };
    return [
      { name: "getuid", args: [], want: { result: uid, otherwise: "EPERM" } },
      { name: "getgid", args: [], want: { result: gid, otherwise: "EPERM" } },
    ];
  },
  capabilities: ({ answer }) => hasCapabilities(answer as CapabilitySets),
  hardLimit: ({ of: [type], answer }) => hasLimit(String(type), answer),
  kernelRelease: ({ answer }) => hasName("release", String(answer)),
  hostname: ({ answer }) => hasName("node", String(answer)),
  // On the initial ramfs, pivot_root(2) fails and the runtime takes over.
  startsInRamfs: ({ answer }) => answer === false ? [] : null,
  landlock: ({ answer }) => [{
    name: "landlock_create_ruleset",
    args: [null, 0, LANDLOCK_CREATE_RULESET_VERSION],
    ...typeof answer === "number"
      ? { want: { result: answer, otherwise: "ESTALE" } }
      : fails(answer as Errno),
  }],
};

const AT_SYMLINK_NOFOLLOW = 0x100;
const W_OK = 2;
const LANDLOCK_CREATE_RULESET_VERSION = 1;

const slotOf = (argument: Argument) => (argument as { slot: string }).slot;

/** A call that has to fail, with one of these errors. */
const fails = (...expect: Errno[]) => ({
  expect,
  want: { result: -1, otherwise: "EEXIST" },
} as const);

/** Opens a path of the host. */
const at = (path: Read["of"][number] | undefined): Call => ({
  name: "openat",
  args: [AT_FDCWD, String(path), O.O_PATH | O.O_CLOEXEC, 0],
});

/** Opens a path like openInRoot() of ffi/openat2.ts. */
const inside = (
  root: Argument,
  { of: [, path] }: Read,
  flags = 0,
  resolve = 0n,
): Call => ({
  name: "openat2",
  args: [
    root,
    String(path),
    openHow(
      O.O_PATH | O.O_CLOEXEC | flags,
      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
    ),
    OPEN_HOW_SIZE,
  ],
});

const FILE = { slot: "file" };

/** Opens a file, looks at it and closes it. */
const looking = (
  open: Call,
  look: (file: Argument) => EntryInstruction[],
): EntryInstruction[] => [
  { ...open, result: FILE.slot },
  ...look(FILE),
  { name: "close", args: [FILE] },
];

/** Of the errors, only these are the same for every way to open a file. */
function opened(
  open: Call,
  answer: Answer,
  look: (file: Argument) => EntryInstruction[],
): EntryInstruction[] | null {
  if (!isRefused(answer)) return looking(open, look);
  const { refused } = answer;
  return refused === "ENOENT" || refused === "ENOTDIR"
    ? [{ ...open, ...fails(refused) }]
    : null;
}

/** A path in an open directory; the answer is null if nothing is there. */
function hasEntry(
  { answer }: Read,
  open: Call,
  look: (file: Argument) => EntryInstruction[] | null,
): EntryInstruction[] | null {
  if (isRefused(answer)) return null;
  if (answer === null) return [{ ...open, ...fails("ENOENT", "ENOTDIR") }];
  const found = look(FILE);
  return found && looking(open, () => found);
}

/** What another mount covers exists. */
function exists(read: Read, root: Argument): EntryInstruction[] | null {
  const open = inside(root, read, 0, RESOLVE_NO_XDEV);
  if (read.answer === false) {
    return [{ ...open, ...fails("ENOENT", "ENOTDIR") }];
  }
  return read.answer === true
    ? [
      { ...open, result: FILE.slot, expect: ["EXDEV"], skipOnExpected: 1 },
      { name: "close", args: [FILE] },
    ]
    : null;
}

// struct statx of linux/stat.h
const STATX_SIZE = 256;
const STATX_BASIC = 0x7ff;
const STATX = { owner: 20, inode: 32, numbers: 128 } as const;
const TYPES: Readonly<Partial<Record<FileInfo["type"], number>>> = {
  fifo: 0o010000,
  "character device": 0o020000,
  directory: 0o040000,
  "block device": 0o060000,
  file: 0o100000,
  link: 0o120000,
  socket: 0o140000,
};

/** stat(2) or lstat(2) of a path of the host. */
function hasInfo(
  { of: [path], answer }: Read,
  flags: number,
): EntryInstruction[] | null {
  const found = new Uint8Array(STATX_SIZE);
  const look: EntryInstruction = {
    name: "statx",
    args: [AT_FDCWD, String(path), flags, STATX_BASIC, found],
  };
  if (isRefused(answer)) return [{ ...look, ...fails(answer.refused) }];
  const same = sameInfo(answer as FileInfo, found);
  return same && [look, ...same];
}

const infoOf = ({ answer }: Read) => (file: Argument) => {
  const found = new Uint8Array(STATX_SIZE);
  const same = sameInfo(answer as FileInfo, found);
  return same && [
    {
      name: "statx",
      args: [file, "", AT_EMPTY_PATH, STATX_BASIC, found],
    } as const,
    ...same,
  ];
};

/** Everything of a FileInfo is the same. */
function sameInfo(
  { type, mode, uid, gid, size, dev, ino, rdev }: FileInfo,
  found: Uint8Array,
): EntryInstruction[] | null {
  const { [type]: bits } = TYPES;
  // A number that JavaScript has rounded.
  const isExact = [size, dev, ino, rdev].every(Number.isSafeInteger);
  if (bits === undefined || !isExact) return null;
  const [device, own] = [splitDevice(rdev), splitDevice(dev)];
  const owner = bytesOf(10, (view) => {
    view.setUint32(0, uid, true);
    view.setUint32(4, gid, true);
    view.setUint16(8, bits | mode, true);
  });
  // The size of a directory says nothing.
  const inode = bytesOf(type === "directory" ? 8 : 16, (view) => {
    view.setBigUint64(0, BigInt(ino), true);
    if (type !== "directory") view.setBigUint64(8, BigInt(size), true);
  });
  const numbers = bytesOf(16, (view) => {
    [device.major, device.minor, own.major, own.minor].forEach((number, at) =>
      view.setUint32(4 * at, number, true)
    );
  });
  return [
    same({ partOf: found, at: STATX.owner }, owner),
    same({ partOf: found, at: STATX.inode }, inode),
    same({ partOf: found, at: STATX.numbers }, numbers),
  ];
}

function hasText(file: Argument, text: string): EntryInstruction[] {
  const wanted = toBytes(text);
  return [{ name: "hasContent", args: [file, wanted, wanted.length] }];
}

/** A symbolic link with just this content. */
function leadsTo(
  place: [Argument, string],
  target: string,
): EntryInstruction[] {
  const wanted = toBytes(target);
  const found = new Uint8Array(wanted.length + 1);
  return [
    {
      name: "readlinkat",
      args: [...place, found, found.length],
      want: { result: wanted.length, otherwise: "ESTALE" },
    },
    same(found, wanted),
  ];
}
