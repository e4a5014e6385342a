/**
 * How each end-to-end test runs. By default it runs on the compiled program,
 * concurrently with others. Exceptions are listed here, each with its reason.
 *
 * @module
 */

/** Tests that also run from source, with what differs there. */
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

/** Test files that also run from source in a virtual machine, each with the reason. */
export const FROM_SOURCE_IN_VM: Readonly<Record<string, string>> = {
  run_place: "PID 1 is a Deno, whose threads are outside of the limits",
};

/** Tests that run alone, in the machine's own namespaces. */
export const ALONE: Readonly<Record<string, string>> = {
  cgroup: "limits huge pages, by the cgroup v2 tree that is the machine's",
  escape_docker: "starts a docker daemon, which has mounts of its own",
  image: "loop devices are the machine's",
  image_kill: "loop devices are the machine's",
  limits: "limits the disk, by the machine's block devices",
  stress: "wants the machine's whole speed",
};

/** Tests that start first because they take longest. */
export const LONGEST: readonly string[] = [
  "fault",
  "fault_kill",
  "escape",
  "escape_race",
  "explain_strace",
  "config_runs",
  "library_many",
  "daily_end",
  "daily_run",
  "escape_device",
  "compile",
  "docker",
  "rootless",
  "podman",
];

/** Tests of a virtual machine that start first because they take longest. */
export const LONGEST_IN_VM: readonly string[] = [
  "run_limits",
  "run_place",
  "run_disk_limits",
  "rootless_limits",
  "checkpoint",
];

/**
 * The name of a test file in these lists: `cli` for `tests/run/cli_test.ts`.
 */
export const nameOf = (path: string): string =>
  path.replace(/^.*\//, "").replace(/_test\.ts$/, "");

/** Sorts the files that take longest to the front. */
export function longestFirst(
  paths: readonly string[],
  longest = LONGEST,
): string[] {
  const rank = (path: string) => {
    const index = longest.indexOf(nameOf(path));
    return index < 0 ? longest.length : index;
  };
  return paths.toSorted((one, other) => rank(one) - rank(other));
}
