/**
 * The host as a test finds it: mounts, cgroups, hostname, and the processes
 * that descend from this one. This process adopts the orphans among its
 * descendants (PR_SET_CHILD_SUBREAPER). So the comparison includes every
 * process that a test starts, and none that others start.
 */

import { syscall } from "../ffi/libc.ts";
import { wait, WNOHANG } from "../ffi/wait.ts";

const PR_SET_CHILD_SUBREAPER = 36;

/** What must be the same after a test. */
export interface Host {
  mounts: string[];
  cgroups: string[];
  hostname: string;
  processes: string[];
}

interface Process {
  pid: number;
  parent: number;
  state: string;
  session: number;
  start: string;
  /** Its CPU time, in hundredths of a second. */
  used: number;
}

/** Reads a process from /proc/PID/stat; null if it has ended. */
export function readProcess(pid: number | string): Process | null {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      pid: Number(pid),
      state: fields[0]!,
      parent: Number(fields[1]),
      session: Number(fields[3]),
      start: fields[19]!,
      used: Number(fields[11]) + Number(fields[12]),
    };
  } catch {
    return null;
  }
}

/** Every process below another one, which is not included. */
export function descendants(of: number): Process[] {
  const all = [...Deno.readDirSync("/proc")]
    .filter(({ name }) => /^\d+$/.test(name))
    .flatMap(({ name }) => readProcess(name) ?? []);
  const below = (pid: number): Process[] =>
    all.filter(({ parent }) => parent === pid)
      .flatMap((process) => [process, ...below(process.pid)]);
  return below(of);
}

/**
 * The processes below another one, with their current system calls, for a
 * message.
 */
export function describeBelow(of: number): string {
  return descendants(of).map(({ pid, state }) => {
    let call = "gone";
    try {
      call = Deno.readTextFileSync(`/proc/${pid}/syscall`).trim();
    } catch {
      // The process has ended.
    }
    return `${pid} ${state} ${commandOf(pid)}at ${call}`;
  }).join("\n");
}

/**
 * The command line of a process, with a space after each word; empty if it has
 * ended.
 */
export function commandOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/**
 * The path by which this process reaches the root directory of another, proc(5)
 * `root`.
 */
export function rootOf(pid: number): string {
  return `/proc/${pid}/root`;
}

/**
 * Zombies that are children of this process: when each was first seen, and how
 * often.
 */
let zombies = new Map<string, { since: number; looks: number }>();

/**
 * How many milliseconds one of Deno's own children may be a zombie before Deno
 * reaps it.
 */
const REAPING = 300;

/**
 * Reaps orphans that this process has adopted. An orphan is a zombie that
 * several looks have found over some time: Deno has had its turn in between, so
 * nothing waits for it.
 *
 * @param session the session of Deno's own children, if they stay in it: a
 * zombie of another one is an orphan at first sight
 */
function buryOrphans(processes: Process[], session?: number): void {
  const seen: typeof zombies = new Map();
  for (const { pid, parent, state, start, ...process } of processes) {
    if (parent !== Deno.pid || state !== "Z") continue;
    if (session !== undefined && process.session !== session) {
      wait(pid, WNOHANG);
      continue;
    }
    const key = `${pid} ${start}`;
    const { since, looks } = zombies.get(key) ??
      { since: performance.now(), looks: 0 };
    if (looks > 2 && performance.now() - since > REAPING) wait(pid, WNOHANG);
    else seen.set(key, { since, looks: looks + 1 });
  }
  zombies = seen;
}

/**
 * Reaps the orphans that this process has adopted, at once: between two tests,
 * a child without a pidfd of this process is one, because Deno waits for its own
 * children by theirs.
 */
function buryAdopted(processes: Process[]): void {
  const dead = processes.filter(({ parent, state }) =>
    parent === Deno.pid && state === "Z"
  );
  if (!dead.length) return;
  const own = pidfds();
  for (const { pid } of dead) if (!own.has(pid)) wait(pid, WNOHANG);
}

/** The processes of which this one has a pidfd, pidfd_open(2). */
function pidfds(): Set<number> {
  const found = new Set<number>();
  for (const { name } of Deno.readDirSync("/proc/self/fdinfo")) {
    try {
      const info = Deno.readTextFileSync(`/proc/self/fdinfo/${name}`);
      const pid = /^Pid:\s*(\d+)$/m.exec(info)?.[1];
      if (pid) found.add(Number(pid));
    } catch {
      // It has been closed meanwhile.
    }
  }
  return found;
}

/** The cgroups of this machine, without those of other tests' worlds. */
function cgroupDirectories(path = "/sys/fs/cgroup"): string[] {
  try {
    return [...Deno.readDirSync(path)]
      .filter(({ name, isDirectory }) =>
        isDirectory && !name.startsWith("container-world-")
      )
      .flatMap(({ name }) => [
        `${path}/${name}`,
        ...cgroupDirectories(`${path}/${name}`),
      ]);
  } catch {
    return [];
  }
}

/**
 * Reaps orphans repeatedly, for processes that wait for their end.
 *
 * @param sessions whether Deno's own children stay in its session, setsid(2)
 */
export function keepBurying({ sessions = false } = {}): Disposable {
  const session = sessions ? readProcess("self")?.session : undefined;
  const timer = setInterval(
    () => buryOrphans(descendants(Deno.pid), session),
    50,
  );
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Takes a snapshot of the host. */
export function snapshot(): Host {
  syscall("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const processes = descendants(Deno.pid);
  buryAdopted(processes);
  return {
    mounts: Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n"),
    cgroups: cgroupDirectories(),
    hostname: Deno.hostname(),
    processes: processes.map(({ pid, start }) =>
      `${pid} since ${start}: ${commandOf(pid)}`
    ),
  };
}

/** What has been added and removed since a snapshot. */
export function hostChanges(before: Host): string[] {
  const now = snapshot();
  return (["mounts", "cgroups", "processes"] as const).flatMap((kind) => [
    ...now[kind].filter((entry) => !before[kind].includes(entry))
      .map((entry) => `${kind}: new: ${entry}`),
    // Processes and cgroups of others may end at any time.
    ...(kind === "mounts" ? before[kind] : [])
      .filter((entry) => !now[kind].includes(entry))
      .map((entry) => `${kind}: gone: ${entry}`),
  ]).concat(
    now.hostname === before.hostname ? [] : [`hostname: ${now.hostname}`],
  );
}
