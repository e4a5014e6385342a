/**
 * The host as a test finds it: mounts, cgroups, hostname, and the processes
 * that descend from this one. This process adopts what its descendants orphan
 * (PR_SET_CHILD_SUBREAPER), so that nothing started by a test gets out of sight
 * and nothing that others start gets into it.
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
  start: string;
}

/** A process by its /proc/PID/stat; null when it is gone. */
export function readProcess(pid: number | string): Process | null {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      pid: Number(pid),
      state: fields[0]!,
      parent: Number(fields[1]),
      start: fields[19]!,
    };
  } catch {
    return null;
  }
}

/** Every process below one, itself not included. */
export function descendants(of: number): Process[] {
  const all = [...Deno.readDirSync("/proc")]
    .filter(({ name }) => /^\d+$/.test(name))
    .flatMap(({ name }) => readProcess(name) ?? []);
  const below = (pid: number): Process[] =>
    all.filter(({ parent }) => parent === pid)
      .flatMap((process) => [process, ...below(process.pid)]);
  return below(of);
}

/** What runs below a process and at which system call it is, for a message. */
export function describeBelow(of: number): string {
  return descendants(of).map(({ pid, state }) => {
    let call = "gone";
    try {
      call = Deno.readTextFileSync(`/proc/${pid}/syscall`).trim();
    } catch {
      // So it is.
    }
    return `${pid} ${state} ${commandOf(pid)}at ${call}`;
  }).join("\n");
}

/** A process's words, each ended by a space; none where it is gone. */
export function commandOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** A process's root directory as this process reaches it: proc(5), `root`. */
export function rootOf(pid: number): string {
  return `/proc/${pid}/root`;
}

/** The dead whose parent is this process: when they were first seen, and how often. */
let zombies = new Map<string, { since: number; looks: number }>();

/** How long a child of Deno's own may be dead before it is waited for, in milliseconds. */
const REAPING = 300;

/**
 * Buries what was orphaned here: dead for long and on several looks, between
 * which Deno has had its turn, so that nobody waits for it.
 */
function buryOrphans(processes: Process[]): void {
  const seen: typeof zombies = new Map();
  for (const { pid, parent, state, start } of processes) {
    if (parent !== Deno.pid || state !== "Z") continue;
    const key = `${pid} ${start}`;
    const { since, looks } = zombies.get(key) ??
      { since: performance.now(), looks: 0 };
    if (looks > 2 && performance.now() - since > REAPING) wait(pid, WNOHANG);
    else seen.set(key, { since, looks: looks + 1 });
  }
  zombies = seen;
}

function cgroupDirectories(path = "/sys/fs/cgroup"): string[] {
  try {
    return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
      .flatMap(({ name }) => [
        `${path}/${name}`,
        ...cgroupDirectories(`${path}/${name}`),
      ]);
  } catch {
    return [];
  }
}

/** Buries what was orphaned here, again and again: others wait for it to be gone. */
export function keepBurying(): Disposable {
  const timer = setInterval(() => buryOrphans(descendants(Deno.pid)), 100);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Looks at the host. */
export function snapshot(): Host {
  syscall("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const processes = descendants(Deno.pid);
  buryOrphans(processes);
  return {
    mounts: Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n"),
    cgroups: cgroupDirectories(),
    hostname: Deno.hostname(),
    processes: processes.map(({ pid, start }) =>
      `${pid} since ${start}: ${commandOf(pid)}`
    ),
  };
}

/** What has come and gone since. */
export function hostChanges(before: Host): string[] {
  const now = snapshot();
  return (["mounts", "cgroups", "processes"] as const).flatMap((kind) => [
    ...now[kind].filter((entry) => !before[kind].includes(entry))
      .map((entry) => `${kind}: new: ${entry}`),
    // Processes and cgroups of others end when they like.
    ...(kind === "mounts" ? before[kind] : [])
      .filter((entry) => !now[kind].includes(entry))
      .map((entry) => `${kind}: gone: ${entry}`),
  ]).concat(
    now.hostname === before.hostname ? [] : [`hostname: ${now.hostname}`],
  );
}
