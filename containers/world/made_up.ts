/**
 * A machine that exists only in memory: for tests, and for plans that are
 * compiled before they are needed. Pure.
 */

import { type Errno, SyscallError } from "../../ffi/errno.ts";
import type { TerminalSettings } from "../../ffi/termios.ts";
import { CAPABILITIES } from "../../spec/names.ts";
import { type MadeUpFile, MadeUpFiles } from "./made_up_files.ts";
import type {
  AccountFiles,
  FileInfo,
  LayeredFile,
  LayeredPlace,
  TerminalSize,
  World,
} from "./world.ts";

/** What a stream of the process leads to. */
export type MadeUpStream = "null" | "file" | "pipe" | "terminal" | "closed";

/** What is known of a machine and of the process that asks. */
export interface MadeUpMachine {
  /** Files by their path; a text is a regular file. */
  files?: Readonly<Record<string, string | MadeUpFile>>;
  ids?: { uid: number; gid: number };
  /** Its capabilities, by name. Default: all for root, none for a user. */
  capabilities?: readonly string[];
  /** The bounding set. Default: all. */
  bounding?: readonly string[];
  /** Its user namespace's id map. Default: that of the initial namespace. */
  idMap?: string;
  environment?: Readonly<Record<string, string>>;
  workingDirectory?: string;
  program?: readonly string[];
  /** Hard limits as decimal text. */
  limits?: Readonly<Record<string, string>>;
  /** Default: closed. */
  streams?: readonly MadeUpStream[];
  /** The size of its terminals. */
  terminalSize?: TerminalSize;
  /** The settings of its terminals. */
  terminalSettings?: TerminalSettings;
  kernelRelease?: string;
  architecture?: "x86_64" | "aarch64";
  hostname?: string;
  landlock?: number | Errno;
  /** Whether / is the initial ramfs. Default: no. */
  startsInRamfs?: boolean;
  /** The user namespaces whose groups are fixed. */
  fixedGroups?: readonly string[];
  /** The accounts in image files. */
  images?: Readonly<Record<string, AccountFiles>>;
}

/** A cgroup v2 alone, as /proc/self/mountinfo and /proc/self/cgroup show it. */
const UNIFIED = {
  mountinfo: `20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
21 20 0:20 / /proc rw,nosuid,nodev,noexec - proc proc rw
22 20 0:21 / /sys rw,nosuid,nodev,noexec - sysfs sysfs rw
23 22 0:22 / /sys/fs/cgroup rw,nosuid,nodev,noexec - cgroup2 cgroup2 rw
`,
  cgroup: "0::/\n",
};

/** The id map of the initial user namespace. */
const EVERY_ID = "         0          0 4294967295\n";

const STANDARD = [0, 1, 2];

/** The World of a process on such a machine. */
export function madeUpWorld(machine: MadeUpMachine = {}): World {
  const {
    ids = { uid: 0, gid: 0 },
    environment = {},
    workingDirectory = "/",
    program = ["/proc/self/exe"],
    limits = {},
    streams = [],
    terminalSize = null,
    terminalSettings = null,
    fixedGroups = [],
    images = {},
  } = machine;
  const files = new MadeUpFiles({ ...filesOf(machine), ...machine.files });
  const isTerminal = (fd: number) => streams[fd] === "terminal";
  return {
    stat: (path) => files.stat(path),
    lstat: (path) => files.lstat(path),
    realPath: (path) => files.realPath(path),
    readLink: (path) => files.readLink(path),
    readText: (path) => files.readText(path),
    readPart: (path, from, length) =>
      new TextEncoder().encode(files.readText(path))
        .subarray(from, from + length),
    readDirectory: (path) => files.readDirectory(path),
    access: (path, mode) => files.access(path, mode, ids.uid),
    openDirectory: (path) => files.open(path),
    ids: () => ids,
    capabilities: () => ({
      effective: bitsOf(effectiveOf(machine, ids)),
      bounding: bitsOf(machine.bounding ?? CAPABILITIES),
    }),
    processId: () => 4711,
    environment: () => environment,
    variable: (name) => environment[name] ?? null,
    workingDirectory: () => workingDirectory,
    program: () => program,
    hardLimit: (type) => limits[type] ?? "18446744073709551615",
    descriptor: (fd) => streamInfo(streams[fd]),
    isTerminal,
    isSameFile: (one, other) => streams[one] === streams[other],
    isInForeground: () => isTerminal(0),
    terminalSize: () => STANDARD.some(isTerminal) ? terminalSize : null,
    terminalSettings: () => STANDARD.some(isTerminal) ? terminalSettings : null,
    random: () => 0x0123_4567_89ab_cdefn,
    kernelRelease: () => machine.kernelRelease ?? "6.12.0",
    architecture: () => machine.architecture ?? "x86_64",
    hostname: () => machine.hostname ?? "host",
    startsInRamfs: () => machine.startsInRamfs ?? false,
    landlock: () => machine.landlock ?? "ENOSYS",
    namespaceFixesGroups: (path) => fixedGroups.includes(path),
    filesInLayers: (layers, paths) =>
      Promise.resolve(
        Object.fromEntries(
          paths.map((path) => [path, fileInLayers(files, layers, path)]),
        ),
      ),
    placeInLayers: (layers, path) =>
      Promise.resolve(placeInLayers(files, layers, path)),
    accountsInImage({ image }) {
      const accounts = images[image];
      return accounts
        ? Promise.resolve(accounts)
        : Promise.reject(new SyscallError("fsopen", "EINVAL"));
    },
  };
}

/** Layers without links and marks. */
function fileInLayers(
  files: MadeUpFiles,
  layers: readonly string[],
  path: string,
): LayeredFile | null {
  for (const layer of layers) {
    try {
      return { type: "file", text: files.readText(`${layer}${path}`) };
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }
  return null;
}

function placeInLayers(
  files: MadeUpFiles,
  layers: readonly string[],
  path: string,
): LayeredPlace | null {
  for (const layer of layers) {
    try {
      const { type } = files.stat(`${layer}/${path}`);
      return { path, kind: type === "directory" ? "directory" : "file" };
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }
  return null;
}

/** The files of /proc and /sys that describe the process. */
function filesOf(
  { idMap = EVERY_ID }: MadeUpMachine,
): Record<string, string | MadeUpFile> {
  return {
    "/": { type: "directory" },
    "/proc/self/uid_map": idMap,
    "/proc/self/gid_map": idMap,
    "/proc/self/setgroups": "allow\n",
    "/proc/self/mountinfo": UNIFIED.mountinfo,
    "/proc/self/cgroup": UNIFIED.cgroup,
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "/sys/fs/cgroup/cgroup.subtree_control": "cpuset cpu io memory pids\n",
    "/sys/fs/cgroup/cgroup.procs": "1\n",
    "/dev/shm": { type: "directory", mode: 0o1777 },
    "/dev/mqueue": { type: "directory", mode: 0o1777 },
  };
}

const effectiveOf = (
  { capabilities }: MadeUpMachine,
  { uid }: { uid: number },
) => capabilities ?? (uid === 0 ? CAPABILITIES : []);

/** A capability set as proc_pid_status(5) shows it. */
function bitsOf(names: readonly string[]): string {
  const all: readonly string[] = CAPABILITIES;
  return names.reduce(
    (bits, name) => bits | 1n << BigInt(all.indexOf(name)),
    0n,
  )
    .toString(16).padStart(16, "0");
}

/** makedev(3) for small numbers. */
const device = (major: number, minor: number) => major * 0x100 + minor;

function streamInfo(stream: MadeUpStream = "closed"): FileInfo | null {
  const owned = {
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: 0,
    dev: 1,
    ino: 1,
    rdev: 0,
  };
  switch (stream) {
    case "closed":
      return null;
    case "null":
      return { ...owned, type: "character device", rdev: device(1, 3) };
    case "terminal":
      return { ...owned, type: "character device", rdev: device(136, 0) };
    case "pipe":
      return { ...owned, type: "fifo" };
    case "file":
      return { ...owned, type: "file" };
  }
}
