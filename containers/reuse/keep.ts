/**
 * Keeps the compiled plan of a run for the next time that the same command line
 * is run; launch/native/reuse.h carries it out then. Runs on the host, in the
 * parent of a container that has started.
 *
 * A plan is kept only if the native code can attend its container, and if there
 * is a guard for everything that its decision has read.
 */

import { AT_FDCWD } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import { isWhole } from "../../ffi/text.ts";
import type { EntryInstruction } from "../../launch/bytecode/call.ts";
import {
  fileNameOf,
  keyOf,
  packReused,
  REUSED,
  type ReuseKey,
} from "../../launch/reused_plan.ts";
import type { HostStep } from "../../plan/step.ts";
import { keyOf as keyOfRead, type Read, type ReadLog } from "../world/log.ts";
import { textVariable } from "../world/text_variable.ts";
import type { FileInfo, World } from "../world/world.ts";
import { readCaller } from "../decide/caller.ts";
import { recordsDirectory } from "../run/leftovers.ts";
import { mountpointPaths } from "../run/mountpoints.ts";
import type { Prepared } from "../run/run.ts";
import { stateDirectory } from "../run/state_directory.ts";
import { guardsOf, NoGuard } from "./guards.ts";
import { store } from "./shelf.ts";

/** A run that has started. */
export interface StartedRun extends Prepared {
  /** What its decision has read. */
  log: ReadLog;
  /** Shows the machine without a log. */
  world: World;
  /** The command line without the name of the program. */
  words: readonly string[];
  /** The command is announced. */
  announces: boolean;
}

/** Keeps the plan of a run, if it can be reused. */
export function keepPlan(run: StartedRun): void {
  const { plan, spec, announces, log } = run;
  const key = isInMemory() && isAttended(run) && log.repeats
    ? keyFor(run)
    : null;
  const { args } = spec.process;
  const command = run.words.slice(-args.length);
  if (!key || command.some((word, index) => word !== args[index])) return;
  if (command.length !== args.length || !run.words.every(isWhole)) return;
  const guards = guardsFor(run);
  if (!guards) return;
  const bytes = keyOf(key);
  if (bytes.length > MOST_KEY) return;
  const packed = packReused({
    plan,
    guards,
    key: bytes,
    program: fileOfProgram(),
    quiet: !announces,
    words: args.length,
    variables: Object.fromEntries(
      log.reads.filter(({ kind }) => kind === "variable")
        .map(({ of: [name], answer }) => [String(name), answer]),
    ) as Record<string, string | null>,
  });
  if (packed) store(stateDirectory(), fileNameOf(bytes), packed);
}

/**
 * Whether the state directory is no place on a disk: a plan contains the words
 * and variables of the command.
 */
const isInMemory = () =>
  Deno.uid() === 0 || textVariable("XDG_RUNTIME_DIR")?.startsWith("/");

/** The same as MOST_KEY in launch/native/reuse.h. */
const MOST_KEY = 64 << 10;

/**
 * Whether the native code does all that the parent does for such a container.
 */
function isAttended(
  { plan, spec, facts, cgroup, learn, leftOut, announces, world }: StartedRun,
): boolean {
  return !readCaller(world).nested && !cgroup && !learn &&
    !spec.process.terminal && !facts.foreground &&
    !spec.process.preserve && !facts.record && !facts.deviceStreams.length &&
    // They are printed.
    !(announces && leftOut.length) &&
    plan.host.every(isNative) &&
    !plan.launch.some(({ step }) => step === "executeWalker");
}

const isNative = (step: HostStep) =>
  step.step === "relayStream" || step.step === "mapIds" && !step.helper;

/** Null if the native code would refuse the streams, or read something else. */
function keyFor({ facts, log, world, words }: StartedRun): ReuseKey | null {
  const kinds = [0, 1, 2].map((fd) => kindOf(fd, log));
  const relayed = facts.relayedStreams.flatMap(({ descriptors }) =>
    descriptors
  );
  // With --streams inherit, files are passed as they are.
  const isUsual = kinds.every((kind, fd) =>
    kind && (kind === "file") === relayed.includes(fd) &&
    (kind === "null") === facts.nullStreams.includes(fd)
  );
  if (!isUsual) return null;
  return {
    streams: kinds as ReuseKey["streams"],
    isShared: facts.relayedStreams.some(({ descriptors }) =>
      descriptors.length > 1
    ),
    workingDirectory: world.workingDirectory(),
    cgroups: world.readText(CGROUPS),
    words,
  };
}

const CGROUPS = "/proc/self/cgroup";
/** null(4), as stat(2) returns it. */
const NULL = 0x103;

/** As in look_at_streams() of launch/native/guards.h. */
function kindOf(
  fd: number,
  { reads }: ReadLog,
): ReuseKey["streams"][number] | null {
  const read = reads.find(({ kind, of }) =>
    kind === "descriptor" && of[0] === fd
  );
  const info = read?.answer as FileInfo | null | undefined;
  switch (info?.type) {
    case "file":
    case "block device":
      return "file";
    case "fifo":
      return "pipe";
    case "socket":
      return "socket";
    case "character device":
      return info?.rdev === NULL ? "null" : null;
    default:
      return null;
  }
}

/** Null if something cannot be checked. */
function guardsFor(run: StartedRun): EntryInstruction[] | null {
  try {
    return [
      ...guardsOf([...run.log.reads, ...mountpoints(run)]),
      // A killed command has left something, which Deno takes back.
      { name: "ownersLive", args: [recordsDirectory()] },
    ];
  } catch (error) {
    if (error instanceof NoGuard) return null;
    throw error;
  }
}

/** A mountpoint that has to be made is announced. */
function mountpoints({ spec, facts, announces, log }: StartedRun): Read[] {
  const { root: { path: root } } = spec;
  const paths = announces ? mountpointPaths(spec, facts) : [];
  if (!paths.length) return [];
  const opened = { kind: "openDirectory", of: [root], answer: root };
  return [
    ...log.reads.some((read) => keyOfRead(read) === keyOfRead(opened))
      ? []
      : [opened],
    ...paths.map((path) => ({
      kind: "in.exists",
      of: [root, path],
      answer: true,
    })),
  ];
}

const STATX_SIZE = 256;
const STATX_BASIC = 0x7ff;
/** Offsets in struct statx. */
const STATX = { inode: 32, size: 40, changed: 96, device: 136 } as const;

/** The file of this program; see is_of_program() in launch/native/reuse.h. */
function fileOfProgram(): bigint[] {
  const found = new Uint8Array(STATX_SIZE);
  syscall("statx", AT_FDCWD, cString("/proc/self/exe"), 0, STATX_BASIC, found);
  const view = new DataView(found.buffer);
  const numbers = [
    view.getBigUint64(STATX.inode, true),
    view.getBigUint64(STATX.size, true),
    view.getBigUint64(STATX.changed, true),
    BigInt(view.getUint32(STATX.changed + 8, true)),
    BigInt(view.getUint32(STATX.device, true)),
    BigInt(view.getUint32(STATX.device + 4, true)),
  ];
  if (numbers.length !== REUSED.program) throw new RangeError("statx");
  return numbers;
}
