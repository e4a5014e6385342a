/**
 * The guards of a plan that is compiled before it is needed: system calls that
 * fail if the decision would read anything else of the machine now. They are
 * made from the log of what the decision read. launch/native/plain_run.h
 * carries them out before the plan. Pure.
 *
 * @module
 */

import { AT_EMPTY_PATH, AT_FDCWD, O } from "../../ffi/fcntl.ts";
import type { EntryInstruction } from "../../launch/bytecode/call.ts";
import type { Place } from "../../launch/plain_kinds.ts";
import type { Read } from "../../containers/world/log.ts";
import { capabilitiesIn } from "../../containers/decide/caller.ts";
import { CAPABILITIES } from "../../plan/process/capabilities.ts";
import type { CapabilitySets, FileInfo } from "../../containers/world/world.ts";

/** What a guard is made from. */
export interface Guarded {
  reads: readonly Read[];
  /** The paths in the log that are known when the plan is used. */
  places: Readonly<Record<Place, string>>;
  /** The directory of the records that every run looks through. */
  records: string;
}

/** Instructions, or the reason why a read needs none. */
type Guard = ((read: Read) => EntryInstruction[]) | { because: string };

/**
 * All guards, in the order of the reads.
 *
 * @throws {RangeError} if a read has neither a guard nor a reason
 */
export function guardsOf(
  { reads, places, records }: Guarded,
): EntryInstruction[][] {
  const known = new Map<string, EntryInstruction[]>();
  const names = new Map(
    Object.entries(places).map((
      [name, place],
    ) => [place, NAMES[name as Place]]),
  );
  for (const read of reads) {
    const words = read.of.map((word) =>
      names.get(String(word)) ?? String(word)
    );
    const guard = guardFor([read.kind, ...words].join(" "));
    if ("because" in guard) continue;
    const instructions = guard(read);
    known.set(JSON.stringify(instructions, plain), instructions);
  }
  return [
    ...known.values(),
    [{ name: "ownersLive", args: [records] }],
    [{ name: "close", args: [{ slot: "rootDirectory" }] }],
  ];
}

function guardFor(read: string): Guard {
  const guard = GUARDS[read] ??
    (/^in\.(stat|lstat|exists) ROOT /.test(read) ? hasEntry : undefined);
  if (!guard) {
    throw new RangeError(`A plain run reads ${read}, which has no guard`);
  }
  return guard;
}

const plain = (_: string, value: unknown) =>
  typeof value === "bigint" ? String(value) : value;

const streams = {
  because: "look_at_streams in launch/native/guards.h chooses by it",
};
const noTerminal = {
  because: "look_at_streams in launch/native/guards.h lets no terminal pass",
};

/** The places in {@linkcode GUARDS}. */
const NAMES: Readonly<Record<Place, string>> = {
  root: "ROOT",
  workdir: "WORKDIR",
  volumeSource: "SOURCE",
  volumeTarget: "TARGET",
};

/** By the kind and the arguments of a read. */
const GUARDS: Readonly<Record<string, Guard>> = {
  "capabilities": hasCapabilities,
  "readText /proc/self/uid_map": isInitialUserNamespace,
  "ids": isRoot,
  "kernelRelease": hasMountAttributes,
  "openDirectory ROOT": isOtherDirectory,
  "stat ROOT": { because: "openDirectory only opens a directory" },
  "realPath ROOT": { because: "isOutside compares directories, not paths" },
  "realPath SOURCE": isElsewhere,
  "stat SOURCE": { because: "realPath only opens a directory" },
  "readText /proc/self/cgroup": {
    because: "has_hierarchies in launch/native/guards.h chooses by it",
  },
  "descriptor 0": streams,
  "descriptor 1": streams,
  "descriptor 2": streams,
  "isSameFile 1 2": streams,
  "isTerminal 0": noTerminal,
  "isTerminal 2": noTerminal,
  "isInForeground": noTerminal,
  "architecture": { because: "it is that of the program" },
  "program": { because: "PID 1 is the program itself" },
  "workingDirectory": {
    because: "the kernel looks up relative paths from there",
  },
  "startsInRamfs": {
    because:
      "on an initial ramfs pivot_root(2) fails, so the runtime takes over",
  },
};

/** What the caller's rights decide, other than the bounding set. */
const NEEDED = ["CAP_SYS_ADMIN", "CAP_SETUID", "CAP_MKNOD"];

// linux/capability.h
const CAPABILITY_VERSION_3 = 0x20080522;
const CAPABILITY_SETS = 24;
// linux/prctl.h
const PR_CAPBSET_READ = 23;

/** capget(2) for the effective set, prctl(2) for the bounding set. */
function hasCapabilities({ answer }: Read): EntryInstruction[] {
  const known = answer as CapabilitySets;
  const names: readonly string[] = CAPABILITIES;
  const header = bytesOf(
    8,
    (view) => view.setUint32(0, CAPABILITY_VERSION_3, true),
  );
  const sets = new Uint8Array(CAPABILITY_SETS);
  const effective = capabilitiesIn(known.effective);
  const needed = bytesOf(
    4,
    (view) =>
      view.setUint32(
        0,
        bitsOf(NEEDED.filter((name) => effective.has(name))),
        true,
      ),
  );
  const mask = bytesOf(4, (view) => view.setUint32(0, bitsOf(NEEDED), true));
  return [
    { name: "capget", args: [header, sets] },
    {
      name: "compareMasked",
      args: [sets, needed, needed.length, mask],
      otherwise: "EPERM",
    },
    ...[...capabilitiesIn(known.bounding)].map((
      name,
    ): EntryInstruction => ({
      name: "prctl",
      args: [PR_CAPBSET_READ, names.indexOf(name), 0, 0, 0],
      want: { result: 1, otherwise: "EPERM" },
    })),
  ];
}

/** A set of capabilities with numbers below 32, as bits. */
const bitsOf = (wanted: readonly string[]) =>
  wanted.reduce(
    (bits, name) =>
      (bits | 1 << CAPABILITIES.findIndex((known) => known === name)) >>> 0,
    0,
  );

// struct statx of linux/stat.h
const STATX_SIZE = 256;
const STATX_BASIC = 0x7ff;
const MODE = 28;
const INODE = 32;
const DEVICE = 136;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** The inode of the initial user namespace, include/linux/proc_ns.h. */
const INITIAL_USER_NAMESPACE = 0xeffffffdn;

function isInitialUserNamespace(): EntryInstruction[] {
  const found = new Uint8Array(STATX_SIZE);
  const inode = bytesOf(
    8,
    (view) => view.setBigUint64(0, INITIAL_USER_NAMESPACE, true),
  );
  return [
    {
      name: "statx",
      args: [AT_FDCWD, "/proc/self/ns/user", 0, STATX_BASIC, found],
    },
    {
      name: "compare",
      args: [{ partOf: found, at: INODE }, inode, inode.length],
      otherwise: "EPERM",
    },
  ];
}

function isRoot(): EntryInstruction[] {
  return (["getuid", "geteuid"] as const).map((name) => ({
    name,
    args: [],
    want: { result: 0, otherwise: "EPERM" },
  }));
}

/**
 * mount_setattr(2), here without an effect, is as old as the kernel for which
 * the stored seccomp filter is compiled, 5.12.
 */
function hasMountAttributes(): EntryInstruction[] {
  const attributes = new Uint8Array(32);
  return [
    {
      name: "mount_setattr",
      args: [-1, "", AT_EMPTY_PATH, attributes, attributes.length],
    },
  ];
}

/** A directory that is not the root directory of the host. */
function isOtherDirectory({ of }: Read): EntryInstruction[] {
  const [root, host] = [new Uint8Array(STATX_SIZE), new Uint8Array(STATX_SIZE)];
  const same = (at: number, rest: number): EntryInstruction => ({
    name: "compare",
    args: [{ partOf: root, at }, { partOf: host, at }, 8],
    otherwise: "ESTALE",
    expect: ["ESTALE"],
    skipOnExpected: rest,
  });
  return [
    {
      name: "openat",
      args: [
        AT_FDCWD,
        String(of[0]),
        O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC,
        0,
      ],
      result: "rootDirectory",
    },
    {
      name: "statx",
      args: [{ slot: "rootDirectory" }, "", AT_EMPTY_PATH, STATX_BASIC, root],
    },
    { name: "statx", args: [AT_FDCWD, "/", 0, STATX_BASIC, host] },
    same(INODE, 2),
    same(DEVICE, 1),
    { name: "fail", error: "EXDEV" },
  ];
}

// linux/openat2.h
const RESOLVE_IN_ROOT = 0x10;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_NO_MAGICLINKS = 0x02;

/**
 * A directory by its real path, which has no links. If it were in the root
 * filesystem, the volume could show other mounts of the container.
 */
function isElsewhere({ of: [path] }: Read): EntryInstruction[] {
  const flags = O.O_PATH | O.O_CLOEXEC | O.O_DIRECTORY;
  const directory = { slot: "sourceDirectory" };
  return [
    {
      name: "openat2",
      args: [
        AT_FDCWD,
        String(path),
        howTo(flags, RESOLVE_NO_SYMLINKS),
        HOW_SIZE,
      ],
      result: directory.slot,
    },
    { name: "isOutside", args: [directory, { slot: "rootDirectory" }] },
    { name: "close", args: [directory] },
  ];
}

/** Something below the root filesystem is of the same type as in the log. */
function hasEntry({ kind, of, answer }: Read): EntryInstruction[] {
  const path = String(of[1]);
  const isLink = kind === "in.lstat";
  if (answer === null || answer === false) {
    return [{
      name: "openat2",
      args: [{ slot: "rootDirectory" }, path, how(isLink), HOW_SIZE],
      result: "entry",
      expect: ["ENOENT"],
      want: { result: -1, otherwise: "EEXIST" },
    }];
  }
  const open: EntryInstruction = {
    name: "openat2",
    args: [{ slot: "rootDirectory" }, path, how(isLink), HOW_SIZE],
    result: "entry",
  };
  const close: EntryInstruction = { name: "close", args: [{ slot: "entry" }] };
  return answer === true
    ? [open, close]
    : [open, ...isOfType("entry", (answer as FileInfo).type), close];
}

/** What a descriptor in a slot leads to. */
function isOfType(slot: string, type: FileInfo["type"]): EntryInstruction[] {
  const found = new Uint8Array(STATX_SIZE);
  return [
    {
      name: "statx",
      args: [{ slot }, "", AT_EMPTY_PATH, STATX_BASIC, found],
    },
    {
      name: "compareMasked",
      args: [{ partOf: found, at: MODE }, modeOf(type), 2, mode(S_IFMT)],
      otherwise: "ESTALE",
    },
  ];
}

/** The bits of a type in a file's mode. */
function modeOf(type: FileInfo["type"]): Uint8Array<ArrayBuffer> {
  if (type === "directory") return mode(S_IFDIR);
  if (type === "file") return mode(S_IFREG);
  throw new RangeError(`No guard expects a ${type}`);
}

const mode = (bits: number) =>
  bytesOf(2, (view) => view.setUint16(0, bits, true));

const HOW_SIZE = 24;

/** struct open_how: the lookup cannot leave the root filesystem. */
const how = (isLink: boolean) =>
  howTo(
    O.O_PATH | O.O_CLOEXEC | (isLink ? O.O_NOFOLLOW : 0),
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  );

const howTo = (flags: number, resolve: number) =>
  bytesOf(HOW_SIZE, (view) => {
    view.setBigUint64(0, BigInt(flags), true);
    view.setBigUint64(16, BigInt(resolve), true);
  });

function bytesOf(
  size: number,
  fill: (view: DataView) => void,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer));
  return bytes;
}
