/**
 * What start, state, kill and delete come to once a container is created: a few
 * system calls each, which the compiled program carries out before its runtime
 * starts (launch/native/entry.c). Their plans lie beside the container's record.
 *
 * They are for when all is well. Each checks what it relies on first, and where
 * a call fails, or gives something else, the runtime starts and the command
 * does the whole of its work. So nothing may depend on a plan's being carried
 * out, to its end or at all.
 */

import { AT_FDCWD, O } from "../ffi/fcntl.ts";
import type { EntryOperation, Instruction } from "./bytecode/call.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { REPORT_SIZE } from "./bytecode/layout.ts";

/** The commands that have one. */
export type ReadyPlan = "start" | "state" | "kill" | "delete" | "delete-force";

/** A container, as far as its plans need to know. */
export interface Known {
  /** Its directory in the store. */
  directory: string;
  /** Every other file in there, for delete. */
  files: readonly string[];
  pid: number;
  /** In ticks since boot, proc_pid_stat(5). */
  startTime: bigint;
  /** Where it can be seen that it is not paused; null where it cannot pause. */
  freezer: { path: string; running: string; version: 1 | 2 } | null;
  /** Its cgroups, and those above that were made for it, parents first. */
  cgroups: { own: readonly string[]; made: readonly string[] };
  /** What `state` prints, newline and all, by status. */
  texts: { created: string; running: string; stopped: string };
}

type Plan = readonly (Instruction | EntryOperation)[];

/** What the process said that could not execute its command: the head of its plan. */
export const START_ERROR = "start.error";

const LOCK_EX = 2;
const LOCK_NB = 4;
const AT_REMOVEDIR = 0x200;
/** How long a killed process may take to be gone, in milliseconds. */
const DEATH = 2000;
/** A longer text might be written in parts. PIPE_BUF, pipe(7) */
const MOST_TEXT = 4096;

/** The first slot: the one word of a command line that a plan cannot know. */
const SIGNAL = "signal";

/** The name of a plan's file. */
export const readyPlanFile = (name: ReadyPlan) => `${name}.plan`;

/** The names of all of them. */
export const READY_PLAN_FILES = ([
  "start",
  "state",
  "kill",
  "delete",
  "delete-force",
] as const).map(readyPlanFile);

/** The bytes of a container's plan for a command; null where it can have none. */
export function readyPlan(name: ReadyPlan, known: Known): Uint8Array | null {
  const plan = PLANS[name](known);
  return plan && encodeInstructions(plan, undefined, [SIGNAL]).bytes;
}

const PLANS: Record<ReadyPlan, (known: Known) => Plan | null> = {
  start: (known) => [
    ...lock(known),
    isAlive(known),
    ...isNotPaused(known),
    // Fails at once where nobody waits any more.
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
      // With nobody who waits to be started, it fails.
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
    // It stands for whoever has the number now, and stays so: if that is the one
    // meant, nobody else gets the signal.
    { name: "pidfd_open", args: [known.pid, 0], result: "process" },
    isAlive(known),
    ...isNotPaused(known),
    // One that waits to be started takes no signal: for the command to decide.
    {
      name: "openat",
      args: [
        AT_FDCWD,
        `${known.directory}/start.fifo`,
        O.O_WRONLY | O.O_NONBLOCK | O.O_CLOEXEC,
        0,
      ],
      expect: ["ENOENT", "ENXIO"],
      skipOnExpected: 1,
    },
    { name: "fail", error: "EBUSY" },
    {
      name: "pidfd_send_signal",
      args: [{ slot: "process" }, { slot: SIGNAL }, null, 0],
    },
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
    // On v2 what is frozen can be killed, cgroups(7); and once its process has
    // ended, the file that tells says something else.
    ...(known.freezer?.version === 1 ? isNotPaused(known) : []),
    {
      name: "endProcess",
      args: [known.pid, known.startTime, DEATH],
      expect: ["ESRCH"],
    },
    ...remove(known),
  ],
};

/** Takes away all that there is of it. */
const remove = (known: Known): Plan => [
  ...known.cgroups.own.map((path) => removeDirectory(path)),
  // Another container may be there.
  ...known.cgroups.made.toReversed().map((path) =>
    removeDirectory(path, "EBUSY", "ENOTEMPTY")
  ),
  // Its record last: without it nobody would know what is left.
  ...[...READY_PLAN_FILES, START_ERROR, ...known.files].map((file) =>
    unlink(`${known.directory}/${file}`)
  ),
  removeDirectory(known.directory),
  exit,
];

/**
 * The process that waited is the last writer: execve closes its end, or its
 * death does, before which it says why. That is kept for the command, which
 * puts it into words.
 */
function awaitExecve({ directory }: Known): Instruction[] {
  const said = new Uint8Array(REPORT_SIZE);
  return [
    // A slot is as good as a struct pollfd that waits for no event but POLLHUP.
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

/** Never exit(2) from a walk: the exit of the process that carries it out. */
const exit: Instruction = { name: "exit_group", args: [0] };

/** No other command is at it. */
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

const unlink = (path: string): Instruction => ({
  name: "unlinkat",
  args: [AT_FDCWD, path, 0],
  expect: ["ENOENT"],
});

const removeDirectory = (
  path: string,
  ...fine: ("EBUSY" | "ENOTEMPTY")[]
): Instruction => ({
  name: "unlinkat",
  args: [AT_FDCWD, path, AT_REMOVEDIR],
  expect: ["ENOENT", ...fine],
});
