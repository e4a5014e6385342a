/**
 * This machine, as it is for this process. Runs on the host, in the process
 * that asks for a container; changes nothing, except that an image file is
 * mounted for a moment and a namespace is entered by a process that ends.
 */

import type { Errno } from "../../ffi/errno.ts";
import { AT_FDCWD, O, open, readAt } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  environment as ownEnvironment,
  variable,
} from "../../ffi/environment.ts";
import { cString } from "../../ffi/memory.ts";
import {
  lstat,
  readLink,
  realPath,
  withPath,
  workingDirectory,
} from "../../ffi/paths.ts";
import { toText } from "../../ffi/text.ts";
import { landlockVersion } from "../../ffi/probe.ts";
import { hardLimit } from "../../ffi/resource.ts";
import { findSettings, getAttributes, windowSize } from "../../ffi/termios.ts";
import { ownForegroundGroup } from "../../launch/attend/job.ts";
import { entersWithoutGroups } from "./joined_groups.ts";
import { infoOf, reading } from "./reading.ts";
import { RealDirectory } from "./real_directory.ts";
import type {
  AccountFiles,
  CapabilitySets,
  DirectoryEntry,
  FileInfo,
  TerminalSize,
  World,
} from "./world.ts";

const ACCESS = { exists: 0, write: 2 } as const;
const KCMP_FILE = 0;
const STANDARD = [0, 1, 2];

/** The {@linkcode World} of this process. */
export const THIS_MACHINE: World = {
  stat: (path) =>
    reading("stat", path, () => infoOf(withPath(path, Deno.statSync))),
  lstat: (path) => reading("lstat", path, () => infoOf(lstat(path))),
  realPath: (path) => reading("realpath", path, () => realPath(path)),
  readLink: (path) => reading("readlink", path, () => readLink(path)),
  readText,
  readPart,
  readDirectory: (path) =>
    reading(
      "getdents64",
      path,
      () => withPath(path, (place) => [...Deno.readDirSync(place)]),
    )
      .map(entryOf).sort((one, other) => one.name < other.name ? -1 : 1),
  // access(2) considers read-only mounts as well as permissions.
  access: (path, mode) =>
    rawSyscall("faccessat", AT_FDCWD, cString(path), ACCESS[mode], 0) === 0,
  openDirectory: (path) => RealDirectory.open(path),
  processId: () => Deno.pid,
  ids: () => ({ uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 }),
  capabilities,
  environment,
  variable,
  workingDirectory,
  program: selfArgv,
  hardLimit: (type) => hardLimit(type)?.toString() ?? null,
  descriptor,
  isTerminal: (fd) => getAttributes(fd) !== null,
  isSameFile,
  isInForeground: () => ownForegroundGroup() !== null,
  terminalSize,
  terminalSettings: () => findSettings(STANDARD),
  random: () => crypto.getRandomValues(new BigUint64Array(1))[0]!,
  kernelRelease: () => Deno.osRelease(),
  architecture: () => Deno.build.arch,
  hostname: () => Deno.hostname(),
  startsInRamfs,
  landlock: () => landlockVersion() as number | Errno,
  namespaceFixesGroups: entersWithoutGroups,
  filesInLayers: async (...of) =>
    (await import("../../images/layers/files_in_layers.ts"))
      .filesInLayers(...of),
  placeInLayers: async (...of) =>
    (await import("../../images/layers/files_in_layers.ts"))
      .placeInLayers(...of),
  accountsInImage,
};

function readText(path: string): string {
  return reading("read", path, () => toText(withPath(path, Deno.readFileSync)));
}

/** From proc_pid_status(5), which has both sets. */
function capabilities(): CapabilitySets {
  const status = readText("/proc/self/status");
  const set = (name: string) =>
    status.match(new RegExp(`^${name}:\\s*([0-9a-f]+)`, "m"))?.[1] ?? "0";
  return { effective: set("CapEff"), bounding: set("CapBnd") };
}

function startsInRamfs(): boolean {
  return readText("/proc/self/mountinfo").split("\n").some((line) => {
    const [fields = "", source = ""] = line.split(" - ");
    return fields.split(" ")[4] === "/" && source.startsWith("rootfs ");
  });
}

function readPart(path: string, from: number, length: number): Uint8Array {
  using file = open(path, O.O_RDONLY | O.O_NONBLOCK);
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, readAt(file.fd, bytes, from));
}

function entryOf(
  { name, isFile, isDirectory, isSymlink }: Deno.DirEntry,
): DirectoryEntry {
  const type = isSymlink
    ? "link"
    : isDirectory
    ? "directory"
    : isFile
    ? "file"
    : "other";
  return { name, type };
}

function descriptor(fd: number): FileInfo | null {
  try {
    return infoOf(Deno.statSync(`/proc/self/fd/${fd}`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    return reading("fstat", `descriptor ${fd}`, () => {
      throw error;
    });
  }
}

function isSameFile(one: number, other: number): boolean {
  const result = rawSyscall(
    "kcmp",
    Deno.pid,
    Deno.pid,
    KCMP_FILE,
    one,
    other,
  );
  return result < 0 ? looksSame(one, other) : result === 0;
}

/**
 * Compares without kcmp(2), which some kernels and filters do not have: the
 * same file, position and flags.
 */
function looksSame(one: number, other: number): boolean {
  const [first, second] = [one, other].map((fd) => {
    const { dev, ino } = Deno.statSync(`/proc/self/fd/${fd}`);
    const lines = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
    const [, position] = lines.match(/^pos:\s*(\d+)/m) ?? [];
    const [, flags = "0"] = lines.match(/^flags:\s*(\d+)/m) ?? [];
    return [dev, ino, position, parseInt(flags, 8) & ~O.O_CLOEXEC].join(" ");
  });
  return first === second;
}

function terminalSize(): TerminalSize | null {
  for (const fd of STANDARD) {
    const size = windowSize(fd);
    if (size) return size;
  }
  return null;
}

async function accountsInImage(
  image: { image: string; type: string },
): Promise<AccountFiles> {
  const { mountImage } = await import("../../launch/host/image_mount.ts");
  // Attached to no directory, and unmounted before this returns.
  using root = new RealDirectory(mountImage({
    ...image,
    step: "mountImage",
    undo: "kernel",
    readonly: true,
    descriptor: 0,
    why: "users are looked up in the root filesystem",
    man: "loop(4)",
  }));
  return {
    passwd: root.readText("/etc/passwd"),
    group: root.readText("/etc/group"),
  };
}

/** Sorted: Deno returns them in a random order, and a plan must be reproducible. */
function environment(): Record<string, string> {
  const entries = Object.entries(ownEnvironment());
  entries.sort(([one], [other]) => one < other ? -1 : 1);
  return Object.fromEntries(entries);
}

/**
 * The argv that starts this program again. The compiled program needs only its
 * own name; under `deno run` the argv holds Deno's arguments and the script.
 */
function selfArgv(): string[] {
  const argv = ["/proc/self/exe"];
  if (Deno.build.standalone) return argv;
  return [
    ...argv,
    "run",
    "--allow-all",
    "--no-config",
    "--no-lock",
    "--cached-only",
    "--quiet",
    ...moduleFlags(),
    Deno.mainModule,
  ];
}

/**
 * A source checkout maps its imports in deno.json; a bundle has no imports
 * left.
 */
function moduleFlags(): string[] {
  if (!Deno.mainModule.endsWith(".ts")) return [];
  return ["--import-map", new URL("deno.json", Deno.mainModule).href];
}
