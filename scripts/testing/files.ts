/**
 * Which end-to-end tests run how. On the compiled program all of them run, side
 * by side; what is different is named here, each with its reason.
 *
 * @module
 */

/** Run from source as well: what is different there. */
export const FROM_SOURCE: Readonly<Record<string, string>> = {
  cli: "the command line under deno run",
  escape: "PID 1 is a Deno of the host's, and not one file of our own",
  explain_strace: "the calls of launch/perform.ts are laid beside strace's",
  isolation: "Deno keeps files open that the command may not inherit",
  job_control: "launch/child.ts stops and continues the command",
  refusals: "what only the source can be told",
  session: "the session of the Go program, by FFI",
  signals: "launch/child.ts passes signals on and reaps",
  status: "launch/child.ts tells how the command ended",
  streams: "launch/child.ts hands the streams on",
  tty: "launch/child.ts opens the terminal",
};

/** Run with nothing beside them, in the machine's own world. */
export const ALONE: Readonly<Record<string, string>> = {
  cgroup: "limits huge pages, by the cgroup v2 tree that is the machine's",
  escape_docker: "starts a docker daemon, which has mounts of its own",
  hung: "waits for a file system of the kernel's that does not answer",
  image: "loop devices are the machine's",
  image_kill: "loop devices are the machine's",
  limits: "limits the disk, by the machine's block devices",
  stress: "wants the machine's whole speed",
};

/** Start first: the rest fits beside them. */
export const LONGEST: readonly string[] = [
  "fault_kill",
  "fault",
  "exec_fault",
  "escape_race",
  "escape",
  "daily_end",
  "config_runs",
  "explain_strace",
  "library_many",
];

/** The name by which a test file is listed here: `tests/run/cli_test.ts` is `cli`. */
export const nameOf = (path: string): string =>
  path.replace(/^.*\//, "").replace(/_test\.ts$/, "");

/** Puts those that take longest first. */
export function longestFirst(paths: readonly string[]): string[] {
  const rank = (path: string) => {
    const index = LONGEST.indexOf(nameOf(path));
    return index < 0 ? LONGEST.length : index;
  };
  return paths.toSorted((one, other) => rank(one) - rank(other));
}
