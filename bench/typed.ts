/**
 * The compiled container with the flags that people type, in default mode. Each
 * differs from the others in one thing, so that a flag that is slow shows.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { type Attempt, type Candidate, Unavailable } from "./candidate.ts";
import { O, open } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { TIOCSPTLCK } from "../ffi/termios.ts";
import { copyOfProgram } from "./compiled.ts";
import { need } from "./peers.ts";
import { complaint, run } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** What a row needs from the workspace: the words of one run. */
type Words = (workspace: Workspace, n: number) => string[];

// asm-generic/ioctls.h
const TIOCGPTN = 0x80045430;

/** Each run is as the first one of its command line. */
export const FIRST = { CONTAINER_REUSE: "0" };

/** A user id that no account of the host has. */
const USER = 64321;

/** A row that is prepared with the compiled program. */
const row = (
  name: string,
  label: string,
  prepare: (program: string, workspace: Workspace) => Promise<Attempt>,
): Candidate => ({
  name: `typed-${name}`,
  label: `container run ${label}`,
  bare: "bare-compiled",
  prepare: async (workspace) => [
    await prepare(await copyOfProgram(workspace), workspace),
  ],
});

const typed = (
  name: string,
  label: string,
  words: Words,
  env?: Record<string, string>,
): Candidate =>
  row(name, label, (program, workspace) =>
    Promise.resolve({
      command: (n) => ({ argv: [program, "run", ...words(workspace, n)], env }),
    }));

/** A row whose words are quiet and have the root filesystem. */
const flagged = (
  name: string,
  label: string,
  words: Words,
  env?: Record<string, string>,
): Candidate =>
  typed(
    name,
    `-q ${label}`,
    (workspace, n) => [
      "-q",
      ...words(workspace, n),
      "--rootfs",
      workspace.rootfs,
      "/bin/true",
    ],
    env,
  );

/**
 * All runs have the same terminal, as their own. script(1) would add 20 ms to
 * each, because it waits for more output.
 */
const TERMINAL = row(
  "terminal",
  "-q -it",
  async (program, { rootfs, cleanup }) => {
    await need("setsid");
    const master = open("/dev/ptmx", O.O_RDWR | O.O_NOCTTY | O.O_CLOEXEC);
    cleanup.defer(() => Promise.resolve(master.close()));
    syscall("ioctl", master.fd, TIOCSPTLCK, new Uint8Array(4));
    const number = new Uint32Array(1);
    syscall("ioctl", master.fd, TIOCGPTN, new Uint8Array(number.buffer));
    const script = 'exec setsid --ctty --wait "$@" <"$0" >"$0" 2>&1';
    const argv = ["sh", "-c", script, `/dev/pts/${number[0]}`, program];
    argv.push("run", "-q", "-it", "--rootfs", rootfs, "/bin/true");
    return { command: () => ({ argv }) };
  },
);

/** The root filesystem that the program carries, from an empty directory. */
const CARRIED = row(
  "carried",
  "-q, the root filesystem inside the program",
  async (program, workspace) => {
    const empty = join(workspace.dir, "empty");
    await Deno.mkdir(empty);
    const argv = [program, "run", "-q", "true"];
    const env = { XDG_CACHE_HOME: join(workspace.dir, "carried") };
    // The first run unpacks it.
    const first = await run({
      argv,
      env: { ...workspace.env, ...env },
      cwd: empty,
    });
    if (first.code !== 0) throw new Unavailable(complaint(first));
    return { command: () => ({ argv, env, cwd: empty }) };
  },
);

/** An ordinary user, with a home of its own. */
const ROOTLESS = row(
  "rootless",
  "-q -e A=b, as a user",
  async (program, workspace) => {
    await need("setpriv");
    const home = join(workspace.dir, "home");
    await Deno.mkdir(home);
    await Deno.chown(home, USER, USER);
    await Deno.chmod(workspace.dir, 0o755);
    const argv = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`];
    argv.push("--clear-groups", program, "run", "-q", "-e", "A=b");
    argv.push("--rootfs", workspace.rootfs, "/bin/true");
    const env = { HOME: home, XDG_RUNTIME_DIR: home, TMPDIR: home };
    return { command: () => ({ argv, env }) };
  },
);

/** A run while a container with a limit, and so with a record, is running. */
const NEIGHBOUR = row(
  "neighbour",
  "-q, next to a container with a memory limit",
  async (program, workspace) => {
    const { rootfs, cleanup, env } = workspace;
    const neighbour = new Deno.Command(program, {
      args: ["run", "-q", "-m", "64m", "--rootfs", rootfs]
        .concat("sh", "-c", "echo ready; exec sleep 100000"),
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    cleanup.defer(async () => {
      neighbour.kill("SIGTERM");
      await neighbour.stdout.cancel();
      await neighbour.status;
    });
    const reader = neighbour.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Unavailable("the neighbour does not start");
    const argv = [program, "run", "-q", "--rootfs", rootfs, "/bin/true"];
    return { command: () => ({ argv }) };
  },
);

/** All rows, in the order of the report. */
export const typedRuns: readonly Candidate[] = [
  typed("loud", "(not quiet)", ({ rootfs }) => ["--rootfs", rootfs, "true"]),
  flagged("env", "-e A=b", () => ["-e", "A=b"]),
  flagged("volume", "-v DIR:/mnt", ({ repo }) => ["-v", `${repo}/docs:/mnt`]),
  flagged("workdir", "-w /tmp", () => ["-w", "/tmp"]),
  flagged("read-only", "--read-only", () => ["--read-only"]),
  flagged("rm-name", "--rm --name NAME", ({ id }, n) => [
    "--rm",
    "--name",
    `${id}-typed-${n}`,
  ]),
  flagged("memory", "-m 64m", () => ["-m", "64m"]),
  flagged(
    "domainname",
    "--domainname x, the first time",
    () => ["--domainname", "x"],
    FIRST,
  ),
  flagged("hostname", "-h x --network host, again", () => [
    ...["-h", "x", "--network", "host"],
  ]),
  flagged("volumes", "two volumes and --tmpfs, again", ({ repo }) => [
    ...["-v", `${repo}/docs:/mnt`, "-v", `${repo}/docs:/opt:ro`],
    ...["--tmpfs", "/tmp"],
  ]),
  TERMINAL,
  CARRIED,
  ROOTLESS,
  NEIGHBOUR,
];
