/**
 * Compares the output of `explain --strace` for a command with what strace(1)
 * sees: every call, in order, by the named process and with the same arguments.
 */

// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { CONTAINER } from "./_harness.ts";
import {
  executeOn,
  landlockForms,
  landlockInNumbers,
  parseCall,
  trace,
  type Traced,
  type TraceOptions,
} from "./_trace.ts";

/** The number of calls in the shortest plan, that of exec. */
const LEAST = 30;

/** A call as `explain` prints it. */
interface Printed {
  process: string;
  name: string;
  args: string;
  result: string;
  /** Errors that are allowed, and how many calls are skipped then. */
  fine: string[];
  skipOnError: number;
  skipOnSuccess: number;
}

function parsePrinted(line: string): Printed {
  const [, process, text] = line.match(/^\[(\w+)\] (.*)$/s) ?? [];
  const call = parseCall(text ?? "");
  assert(process && call, `a call in strace's notation: ${line}`);
  const errors = text!.match(/or ((?:E[A-Z0-9]+(?:, )?)+)(?:: skip (\d+))?/);
  return {
    process,
    ...call,
    fine: errors ? errors[1]!.split(", ") : [],
    skipOnError: Number(errors?.[2] ?? 0),
    skipOnSuccess: Number(text!.match(/then skip (\d+)/)?.[1] ?? 0),
  };
}

/** The cgroup and the hostname have another id in each run. */
const sameId = (text: string) =>
  text.replace(/[0-9a-f]{64}/g, "ID").replace(
    /(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])/g,
    "ID",
  );

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Whether a real call matches the printed one, with the numbers known so far. */
function isSame(
  printed: Printed,
  real: Traced,
  known: ReadonlyMap<string, string>,
): boolean {
  if (real.name !== printed.name) return false;
  const landlock = real.name.startsWith("landlock_");
  const forms = landlock ? landlockForms(printed.args) : [printed.args];
  const args = landlock ? landlockInNumbers(real.args) : sameId(real.args);
  return forms.some((form) => {
    const pattern = escape(sameId(form))
      .replace(/<([\w]+)>/g, (word, name) => known.get(name) ?? word)
      .replaceAll('"/"\\.\\.\\.', '"/.*')
      .replaceAll("\\.\\.\\.", ".*");
    return new RegExp(`^${pattern}$`, "s").test(args);
  });
}

const errorOf = ({ result }: Traced) => result.match(/^-1 (E[A-Z0-9]+)/)?.[1];

/**
 * Finds each printed call among the calls of a process, in order. The real
 * result decides which calls are skipped, and gives its value to the name of a
 * result.
 *
 * @param alone the process makes no other calls after its first one
 */
function follow(
  printed: readonly Printed[],
  calls: readonly Traced[],
  known: Map<string, string>,
  alone: boolean,
): number {
  let at = 0;
  let matched = 0;
  for (let index = 0; index < printed.length; index++) {
    const wanted = printed[index]!;
    const found = calls.findIndex((real, position) =>
      position >= at && isSame(wanted, real, known)
    );
    assert(
      found >= 0 && (!alone || matched === 0 || found === at),
      `${wanted.process} makes ${wanted.name}(${wanted.args}), number ${index}; next is ${
        JSON.stringify(calls[at])
      }`,
    );
    const real = calls[found]!;
    at = found + 1;
    matched++;
    const error = errorOf(real);
    if (error) {
      assert(wanted.fine.includes(error), `${wanted.name} answers ${error}`);
      index += wanted.skipOnError;
      continue;
    }
    // The next printed calls are further attempts.
    if (wanted.name === "execve") return matched;
    const name = wanted.result.match(/^<(\w+)>$/)?.[1];
    if (name) known.set(name, real.result.split(" ")[0]!);
    else if (wanted.result !== "?") {
      assertEquals(real.result.split(" ")[0], wanted.result, wanted.name);
    }
    index += wanted.skipOnSuccess;
  }
  return matched;
}

/** Calls that Deno never makes by itself: every one of them belongs to the plan. */
const ONLY_OURS = [
  "unshare",
  "mount",
  "umount2",
  "pivot_root",
  "sethostname",
  "chroot",
  "mkdirat",
  "mknodat",
  "symlinkat",
  "setpgid",
  "setsid",
  "capset",
  "open_tree",
  "move_mount",
  "fsmount",
  "mount_setattr",
  "setns",
];

/** Calls by which the parent changes the host, besides writes. */
const HOST_CHANGES = [
  ...[
    "mkdir",
    "mkdirat",
    "rename",
    "renameat",
    "renameat2",
    "mknod",
    "mknodat",
  ],
  ...["chmod", "fchmodat", "chown", "fchownat", "link", "linkat", "symlinkat"],
];

/**
 * The paths of Deno's own caches, and the exit status of a container with a
 * record: it is written at the end, and a plan is about the start.
 */
const OTHERS = /"[^"]*(\.cache|deno|\/exit\.new)[^"]*"/i;

/** The calls that change the host and that are not printed. */
const unplanned = (
  real: readonly Traced[],
  printed: readonly Printed[],
  known: ReadonlyMap<string, string> = new Map(),
): Traced[] =>
  real.filter((call) =>
    HOST_CHANGES.includes(call.name) && !errorOf(call) &&
    !OTHERS.test(call.args) &&
    !printed.some((one) => isSame(one, call, known))
  );

/** A command of our program. */
export interface Explained {
  /** Flags before the command. */
  globals?: readonly string[];
  words: readonly string[];
  /** Whether our program stays inside as PID 1. */
  init: boolean;
}

async function printedCalls(
  { globals = [], words }: Omit<Explained, "init">,
  options: TraceOptions,
): Promise<Printed[]> {
  const { stdout, stderr } = await executeOn(
    [
      ...options.before ?? [],
      ...CONTAINER,
      ...[...globals, "explain", "--strace", ...words],
    ],
    options,
  );
  assertEquals(stderr, "");
  const printed = stdout.trim().split("\n")
    .filter((line) => line && !line.startsWith("#")).map(parsePrinted);
  assert(printed.length > LEAST, "it takes some calls");
  return printed;
}

/**
 * Compares what the parent changes on the host with what is printed: nothing
 * more and nothing less.
 */
export async function compareHostChanges(
  command: Omit<Explained, "init">,
  options: TraceOptions = {},
): Promise<void> {
  const { globals = [], words } = command;
  const printed = (await printedCalls(command, options))
    .filter(({ process }) => process === "parent");
  const real = await trace(
    [...HOST_CHANGES, ...printed.map(({ name }) => name), "execve"],
    [...CONTAINER, ...globals, ...words],
    options,
  );
  const own = real.filter(({ pid }) => pid === real[0]!.pid);
  follow(printed, own, new Map(), false);
  assertEquals(unplanned(own, printed), [], "what explain does not print");
}

/** Compares the printed calls of a command with its real ones. */
export async function compareCalls(
  { globals = [], words, init }: Explained,
  options: TraceOptions = {},
): Promise<void> {
  const printed = await printedCalls({ globals, words }, options);
  const of = (process: string) =>
    printed.filter((call) => call.process === process);
  const real = await trace(
    [
      ...printed.map(({ name }) => name),
      ...HOST_CHANGES,
      ...["execve", "clone3"],
    ],
    [...CONTAINER, ...globals, ...words],
    options,
  );

  const made = (pid: string) => real.filter((call) => call.pid === pid);
  const known = new Map<string, string>();
  const cloner = (process: string) => {
    const clone = of(process).find(({ name }) => name === "clone3");
    return clone && real.find((call) => isSame(clone, call, known))?.pid;
  };
  const ours: string[] = [];
  const matched: number[] = [];
  // A user namespace that is made only for a mapping of ids.
  const mapper = cloner("mapper");
  if (mapper) {
    matched.push(follow(of("mapper"), made(mapper), known, true));
    const mapped = known.get("mapped")!;
    // It is killed after its namespace has been opened: at its last call or
    // earlier.
    const done = made(mapped).filter(({ result }) => /^-?\d/.test(result));
    follow(of("mapped").slice(0, -1).slice(0, done.length), done, known, true);
    ours.push(mapper, mapped);
  }
  const born = cloner("walker");
  assert(born, "the clone of the plan");
  matched.push(follow(of("walker"), made(born), known, true));
  const pid1 = known.get("pid")!;
  matched.push(follow(of("parent"), made(real[0]!.pid), known, false));
  let command = pid1;
  if (init) {
    const own = made(pid1);
    matched.push(follow(of("child"), own, known, false));
    const executed = own.findIndex(({ name }) => name === "execveat");
    const after = real.slice(real.indexOf(own[executed]!));
    command = after.find(({ pid, name, args }) =>
      pid !== pid1 && /^execve(at)?$/.test(name) && args.includes('"walker"')
    )!.pid;
  } else assertEquals(of("child"), []);
  matched.push(follow(of("command"), made(command), known, true));
  assert(matched.at(-1)! > 10, "the command's own steps");

  assertEquals(
    unplanned(made(real[0]!.pid), of("parent"), known),
    [],
    "what explain does not print",
  );

  // No other calls are made: not more of each kind than printed.
  for (const name of ONLY_OURS) {
    const planned = printed.filter((call) =>
      call.name === name && call.process !== "parent"
    ).length;
    const seen = [...new Set([...ours, born, pid1, command])].flatMap(made)
      .filter((call) => call.name === name).length;
    assert(seen <= planned, `${name}: ${seen} made, ${planned} printed`);
  }
}
