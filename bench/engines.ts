/**
 * `docker run --rm` with the bench's own daemon, with runc and with container
 * as the runtime: the time that a user of docker waits.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { type Attempt, type Candidate, Unavailable } from "./candidate.ts";
import { copyOfProgram } from "./compiled.ts";
import { need } from "./peers.ts";
import { complaint, run } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** The longest time that a daemon may take to start, in milliseconds. */
const PATIENCE = 30_000;
const RUNTIME = "container";
const IMAGE = "rootfs";

/** `docker run` with each runtime, in the order of the report. */
export const engines: readonly Candidate[] = [
  dockerRun("docker", "docker run, container as its runtime", RUNTIME),
  dockerRun("docker-runc", "docker run, runc as its runtime", "runc"),
];

function dockerRun(name: string, label: string, runtime: string): Candidate {
  return {
    name,
    label,
    version: ["dockerd", "--version"],
    async prepare(workspace): Promise<Attempt[]> {
      const host = await daemonOf(workspace);
      const argv = ["docker", "-H", host, "run", "--rm", "--network=none"];
      argv.push(`--runtime=${runtime}`, IMAGE, "/bin/true");
      return [{
        command: () => ({ argv }),
        note: "the memory is the client's alone",
      }];
    },
  };
}

const daemons = new WeakMap<Workspace, Promise<string>>();

/** The address of the daemon, which both candidates share. */
function daemonOf(workspace: Workspace): Promise<string> {
  const there = daemons.get(workspace) ?? startDaemon(workspace);
  daemons.set(workspace, there);
  return there;
}

async function startDaemon(workspace: Workspace): Promise<string> {
  const { dir, rootfs, id, signal, cleanup } = workspace;
  for (const name of ["dockerd", "containerd", "docker", "runc"]) {
    await need(name);
  }
  const home = join(dir, "docker");
  await Deno.mkdir(home);
  const host = `unix://${home}/socket`;
  const daemon = new Deno.Command("dockerd", {
    args: [
      ...[`--data-root=${home}/data`, `--exec-root=${home}/exec`],
      ...[`--pidfile=${home}/pid`, `--host=${host}`],
      ...[`--cgroup-parent=/${id}`, "--storage-driver=vfs"],
      ...["--bridge=none", "--iptables=false", "--ip6tables=false"],
      `--add-runtime=${RUNTIME}=${await copyOfProgram(workspace)}`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  cleanup.defer(async () => {
    daemon.kill("SIGTERM");
    await daemon.status;
    // docker does not remove the parent of its cgroups.
    const script =
      `find /sys/fs/cgroup -depth -type d -path '*/${id}*' -exec rmdir {} +`;
    await run({ argv: ["sh", "-c", script] });
  });
  const docker = ["docker", "-H", host];
  for (const start = performance.now();;) {
    const { code } = await run({ argv: [...docker, "version"] }, { signal });
    if (code === 0) break;
    if (performance.now() - start > PATIENCE) {
      throw new Unavailable("dockerd does not start here");
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const script = `tar -C "$1" -c . | docker -H "$2" import - ${IMAGE}`;
  const imported = await run({
    argv: ["sh", "-c", script, "sh", rootfs, host],
  }, { signal, timeout: 120_000 });
  if (imported.code !== 0) throw new Unavailable(complaint(imported));
  return host;
}
