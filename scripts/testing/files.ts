/**
 * How each end-to-end test runs. By default it runs on the compiled program,
 * concurrently with others. Exceptions are listed here, each with its reason.
 *
 * @module
 */

/** Tests that also run from source, with what differs there. */
export const FROM_SOURCE: Readonly<Record<string, string>> = {
  cli: "the command line under deno run",
  escape: "PID 1 is the host's Deno, not the single compiled file",
  explain_strace:
    "the calls of launch/perform.ts are compared with strace's output",
  isolation: "Deno keeps files open, which the command must not inherit",
  job_control: "launch/child.ts stops and continues the command",
  refusals: "some arguments can reach only the source",
  session: "the session of the Go program, by FFI",
  forwarding: "launch/child.ts forwards signals",
  signals: "launch/child.ts forwards signals and reaps",
  status: "launch/child.ts reports how the command ended",
  streams: "launch/child.ts passes the streams on",
  tty: "launch/child.ts opens the terminal",
};

/** Test files that also run from source in a virtual machine, each with the reason. */
export const FROM_SOURCE_IN_VM: Readonly<Record<string, string>> = {
  run_place: "PID 1 is a Deno, whose threads are outside the limits",
};

/** Tests that run alone, in the machine's own namespaces. */
export const ALONE: Readonly<Record<string, string>> = {
  cgroup: "limits huge pages with the machine's cgroup v2 tree",
  escape_docker: "starts a docker daemon, which makes mounts",
  image: "loop devices belong to the whole machine",
  image_kill: "loop devices belong to the whole machine",
  limits: "limits the disk with the machine's block devices",
  stress: "needs the full speed of the machine",
};

/**
 * Tests whose /tmp is on a disk, see `placeInMemory` in
 * scripts/testing/world.ts.
 */
export const ON_DISK: Readonly<Record<string, string>> = {
  docker: "files in memory count for the limits of a container's memory",
  image_use: "du counts the blocks of a disk",
  unpack_layer: "a file in memory may be larger than one on a disk",
  volume: "du counts the blocks of a disk",
};

/** Tests that start first because they take longest. */
export const LONGEST: readonly string[] = [
  "fault",
  "fault_kill",
  "host_fault",
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
  "pull_faults",
  "registry",
  "image_commands",
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

/** The place of a file among those that take longest: the lowest starts first. */
export function rankOf(path: string, longest = LONGEST): number {
  const index = longest.indexOf(nameOf(path));
  return index < 0 ? longest.length : index;
}

/** Sorts the files that take longest to the front. */
export const longestFirst = (
  paths: readonly string[],
  longest = LONGEST,
): string[] =>
  paths.toSorted((one, other) => rankOf(one, longest) - rankOf(other, longest));
