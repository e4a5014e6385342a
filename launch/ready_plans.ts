/**
 * Ready plans: start, state, kill and delete of a created container, compiled
 * to a few system calls each. They are stored next to the container's record,
 * and the native entry (launch/native/entry.c) carries them out before Deno's
 * runtime starts.
 *
 * A ready plan covers the usual case only. It first checks its assumptions. If
 * a call fails or returns something else, the runtime starts and the command
 * does all of its work. So nothing may depend on a ready plan being carried
 * out, completely or at all.
 */

import { AT_FDCWD, O } from "../ffi/fcntl.ts";
import { ENDING, SIGNAL as NUMBERS } from "../ffi/signal.ts";
import type { RecordedUndo } from "../plan/undo.ts";
import type {
  Argument,
  EntryInstruction,
  EntryOperation,
  Instruction,
} from "./bytecode/call.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { REPORT_SIZE } from "./bytecode/layout.ts";
import { eightBytes, removeDirectory, takeBack, unlink } from "./ready_undo.ts";

/** The commands that have a ready plan. */
export type ReadyPlan = "start" | "state" | "kill" | "delete" | "delete-force";

/** What the plans need to know about a container. */
export interface Known {
  /** Its directory in the store. */
  directory: string;
  /** All other files in there, for delete. */
  files: readonly string[];
  pid: number;
  /** In ticks since boot, proc_pid_stat(5). */
  startTime: bigint;
  /**
   * The file that tells whether the container is paused, and its content when
   * it is not; null if it cannot be paused.
   */
  freezer: { path: string; running: string; version: 1 | 2 } | null;
  /** What takes back the changes on the host. */
  undos: readonly RecordedUndo[];
  /** The exact output of `state` by status, newline included. */
  texts: { created: string; running: string; stopped: string };
}

/** The file for the header of a process that could not execute its command. */
export const START_ERROR = "start.error";

const LOCK_EX = 2;
const LOCK_NB = 4;
/** The time in milliseconds that a killed process may take to end. */
const DEATH = 2000;
/** PIPE_BUF: a longer text might be written in parts. pipe(7) */
const MOST_TEXT = 4096;

/**
 * The first slot: the only word of the command line that a plan cannot know.
 */
const SIGNAL = "signal";

/** The name of a plan's file. */
export const readyPlanFile = (name: ReadyPlan) => `${name}.plan`;

/** The names of all plan files. */
export const READY_PLAN_FILES = ([
  "start",
  "state",
  "kill",
  "delete",
  "delete-force",
] as const).map(readyPlanFile);

/**
 * Compiles a container's plan for a command; returns null if it can have none.
 */
export function readyPlan(name: ReadyPlan, known: Known): Uint8Array | null {
  const instructions = INSTRUCTIONS[name](known);
  return instructions &&
    encodeInstructions(instructions, undefined, [SIGNAL]).bytes;
}

const INSTRUCTIONS: Record<
  ReadyPlan,
  (known: Known) => readonly EntryInstruction[] | null
> = {
  start: (known) => [
    ...lock(known),
    isAlive(known),
    ...isNotPaused(known),
    // Fails at once if no process waits for the start any more.
    {
      name: "openat",
      args: [
        AT_FDCWD,
        `${known.directory}/start.fifo`,
        O.O_WRONLY | O.O_NONBLOCK | O.O_CLOEXEC,
        0,
      ],
      result: "fifo",
    },
    {
      name: "openat",
      args: [
        AT_FDCWD,
        `${known.directory}/start.fifo`,
        O.O_RDONLY | O.O_NONBLOCK | O.O_CLOEXEC,
        0,
      ],
      result: "answer",
    },
    {
      name: "write",
      args: [{ slot: "fifo" }, new Uint8Array(1), 1],
      want: { result: 1, otherwise: "EIO" },
    },
    { name: "close", args: [{ slot: "fifo" }] },
    ...awaitExecve(known),
  ],
  state: (known) => {
    const { created, running, stopped } = known.texts;
    const texts = [created, running, stopped].map(encode);
    if (texts.some(({ length }) => length > MOST_TEXT)) return null;
    const say = (index: number): Instruction[] => [{
      name: "write",
      args: [1, texts[index]!, texts[index]!.length],
      want: { result: texts[index]!.length, otherwise: "EIO" },
    }, exit];
    return [
      { ...isAlive(known), expect: ["ESRCH"], skipOnSuccess: 2 },
      ...say(2),
      ...isNotPaused(known),
      // Fails if no process waits to be started.
      {
        name: "openat",
        args: [
          AT_FDCWD,
          `${known.directory}/start.fifo`,
          O.O_WRONLY | O.O_NONBLOCK | O.O_CLOEXEC,
          0,
        ],
        result: "fifo",
        expect: ["ENOENT", "ENXIO"],
        skipOnExpected: 2,
      },
      ...say(0),
      ...say(1),
    ];
  },
  kill: (known) => [
    // The pidfd stands for the process that has this pid now. If that is the
    // right process, no other process can get the signal.
    { name: "pidfd_open", args: [known.pid, 0], result: "process" },
    isAlive(known),
    ...isNotPaused(known),
    // Fails if no process waits to be started.
    {
      name: "openat",
      args: [
        AT_FDCWD,
        `${known.directory}/start.fifo`,
        O.O_WRONLY | O.O_NONBLOCK | O.O_CLOEXEC,
        0,
      ],
      expect: ["ENOENT", "ENXIO"],
      skipOnExpected: killCreated().length,
    },
    ...killCreated(),
    send({ slot: SIGNAL }),
    exit,
  ],
  delete: (known) => [
    ...lock(known),
    {
      ...isAlive(known),
      expect: ["ESRCH"],
      want: { result: 1, otherwise: "EBUSY" },
    },
    ...remove(known),
  ],
  "delete-force": (known) => [
    ...lock(known),
    // On v2 a frozen process can be killed, cgroups(7). And once it has ended,
    // the freezer file has other content.
    ...(known.freezer?.version === 1 ? isNotPaused(known) : []),
    {
      name: "endProcess",
      args: [known.pid, known.startTime, DEATH],
      expect: ["ESRCH"],
    },
    ...remove(known),
  ],
};

const send = (signal: Argument): Instruction => ({
  name: "pidfd_send_signal",
  args: [{ slot: "process" }, signal, null, 0],
});

/**
 * A process that waits for `start` has no handler, and the kernel ignores such a
 * signal to the first process of a PID namespace. A signal that would end the
 * process is therefore followed by SIGKILL, as in containers/oci/end.ts.
 */
const killCreated = (): readonly Instruction[] => [
  send({ slot: SIGNAL }),
  ...ENDING.map((signal, index): Instruction => ({
    name: "compare",
    args: [{ addressOf: SIGNAL }, eightBytes(BigInt(signal)), 8],
    otherwise: "EBUSY",
    expect: ["EBUSY"],
    // The other comparisons, and the exit.
    skipOnSuccess: ENDING.length - index,
  })),
  exit,
  send(NUMBERS.SIGKILL),
  exit,
];

/** Removes everything of a container. */
const remove = (known: Known): Instruction[] => [
  ...known.undos.toReversed().flatMap(takeBack),
  // The record goes last: without it nobody could find what is left.
  ...[...READY_PLAN_FILES, START_ERROR, ...known.files].map((file) =>
    unlink(`${known.directory}/${file}`)
  ),
  removeDirectory(known.directory),
  exit,
];

/**
 * Waits for the execve of the started process, which is the FIFO's last writer:
 * the execve closes its end. If it fails instead, it first writes its header.
 * That is stored for the command, which turns it into an error message.
 */
function awaitExecve({ directory }: Known): Instruction[] {
  const said = new Uint8Array(REPORT_SIZE);
  return [
    // A slot with a descriptor doubles as a struct pollfd that waits for
    // POLLHUP only.
    { name: "ppoll", args: [{ addressOf: "answer" }, 1, null, null, 0] },
    {
      name: "read",
      args: [{ slot: "answer" }, said, said.length],
      result: "length",
    },
    {
      name: "compare",
      args: [{ addressOf: "length" }, new Uint8Array(8), 8],
      otherwise: "EIO",
      expect: ["EIO"],
      skipOnExpected: 2,
    },
    unlink(`${directory}/start.fifo`),
    exit,
    {
      name: "openat",
      args: [
        AT_FDCWD,
        `${directory}/${START_ERROR}`,
        O.O_WRONLY | O.O_CREAT | O.O_EXCL | O.O_CLOEXEC,
        0o600,
      ],
      result: "error",
    },
    { name: "write", args: [{ slot: "error" }, said, { slot: "length" }] },
    { name: "fail", error: "EIO" },
  ];
}

const encode = (text: string) => new TextEncoder().encode(text);

const isAlive = ({ pid, startTime }: Known): EntryOperation => ({
  name: "isProcess",
  args: [pid, startTime],
});

/** Ends the process that carries out the plan. exit(2) would end one thread. */
const exit: Instruction = { name: "exit_group", args: [0] };

/** Fails if another command works on the container. */
const lock = ({ directory }: Known): Instruction[] => [
  {
    name: "openat",
    args: [AT_FDCWD, `${directory}/lock`, O.O_WRONLY | O.O_CLOEXEC, 0],
    result: "lock",
  },
  { name: "flock", args: [{ slot: "lock" }, LOCK_EX | LOCK_NB] },
];

function isNotPaused({ freezer }: Known): Instruction[] {
  if (!freezer) return [];
  const wanted = encode(freezer.running);
  const found = new Uint8Array(wanted.length);
  return [
    {
      name: "openat",
      args: [AT_FDCWD, freezer.path, O.O_RDONLY | O.O_CLOEXEC, 0],
      result: "freezer",
    },
    {
      name: "pread64",
      args: [{ slot: "freezer" }, found, found.length, 0],
      want: { result: wanted.length, otherwise: "EBUSY" },
    },
    {
      name: "compare",
      args: [found, wanted, wanted.length],
      otherwise: "EBUSY",
    },
  ];
}
