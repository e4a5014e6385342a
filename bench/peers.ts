/**
 * The peers: other programs that run the same command on the same root
 * filesystem, without Deno. This module starts programs on the host; nothing of
 * it runs in a container.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { type Attempt, type Candidate, Unavailable } from "./candidate.ts";
import { complaint, run, which } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** The peers, in the order of the report. */
export const peers: readonly Candidate[] = [
  {
    name: "seed",
    label: "seed (Go)",
    version: ["go", "version"],
    async prepare({ repo, cache, rootfs, signal }) {
      await need("go");
      const binary = join(cache, "seed");
      const source = join(repo, "bench", "seed", "main.go");
      const argv = ["go", "build", "-trimpath", "-o", binary, source];
      const env = { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOPROXY: "off" };
      const result = await run({ argv, env }, { signal, timeout: 120_000 });
      if (result.code !== 0) {
        throw new Unavailable(`cannot be built: ${complaint(result)}`);
      }
      return [{
        command: () => ({
          argv: [binary, "run", "/bin/true"],
          env: { SEED_ROOTFS: rootfs },
        }),
      }];
    },
  },
  {
    name: "runc",
    label: "runc run",
    version: ["runc", "--version"],
    prepare: (workspace) => ociRuntime("runc", workspace),
  },
  {
    name: "crun",
    label: "crun run",
    version: ["crun", "--version"],
    async prepare(workspace) {
      const attempts = await ociRuntime("crun", workspace);
      const withoutCgroups = await ociRuntime("crun", workspace, [
        "--cgroup-manager=disabled",
      ]);
      attempts.push({ ...withoutCgroups[0]!, note: "cgroup manager disabled" });
      const prefix = await enterPureCgroupV1(workspace);
      if (prefix) attempts.push(prefixed(attempts[0]!, prefix));
      return attempts;
    },
  },
  {
    name: "bwrap",
    label: "bubblewrap",
    version: ["bwrap", "--version"],
    async prepare({ rootfs }) {
      await need("bwrap");
      const argv = ["bwrap", "--unshare-pid", "--unshare-uts", "--unshare-ipc"];
      argv.push("--bind", rootfs, "/", "--proc", "/proc", "/bin/true");
      return [{ command: () => ({ argv }) }];
    },
  },
  {
    name: "unshare",
    label: "unshare and chroot",
    version: ["unshare", "--version"],
    async prepare({ rootfs }) {
      await need("unshare");
      const argv = ["unshare", "--pid", "--mount", "--uts", "--ipc", "--fork"];
      argv.push(`--mount-proc=${rootfs}/proc`, "chroot", rootfs, "/bin/true");
      return [{ command: () => ({ argv }) }];
    },
  },
  {
    name: "host",
    label: "no container: the host's true",
    async prepare() {
      const argv = [await need("true")];
      return [{ command: () => ({ argv }) }];
    },
  },
];

/** The path of a program. Throws `Unavailable` if it is not installed. */
export async function need(program: string): Promise<string> {
  const path = await which(program);
  if (path === null) throw new Unavailable(`${program} is not installed`);
  return path;
}

/**
 * The config.json of a bundle: the same namespaces and mounts as the other
 * candidates, no limits.
 */
export function bundleConfig(rootfs: string): Record<string, unknown> {
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/bin/true"],
      env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
    },
    root: { path: rootfs },
    hostname: "container",
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: {
      namespaces: ["pid", "uts", "ipc", "mount"].map((type) => ({ type })),
    },
  };
}

async function ociRuntime(
  program: string,
  { dir, rootfs, id, cleanup }: Workspace,
  flags: readonly string[] = [],
): Promise<Attempt[]> {
  await need(program);
  const bundle = join(dir, "bundle");
  await Deno.mkdir(bundle, { recursive: true });
  const config = JSON.stringify(bundleConfig(rootfs), null, 2);
  await Deno.writeTextFile(join(bundle, "config.json"), config);
  const state = join(dir, program);
  // A killed run leaves its state here, and a cgroup.
  cleanup.defer(async () => {
    for (const left of await namesIn(state)) {
      await run({
        argv: [program, "--root", state, "delete", "--force", left],
      });
    }
  });
  const argv = [program, "--root", state, ...flags, "run", "--bundle", bundle];
  // Both attempts of crun use the same numbers, and a failed run may keep its
  // id.
  const infix = flags.length > 0 ? "-f" : "";
  return [{
    command: (n) => ({ argv: [...argv, `${id}${infix}-${n}`] }),
  }];
}

/**
 * crun refuses cgroup v1 together with a v2 mount. This makes a mount namespace
 * without the v2 mount and returns the command prefix that enters it, or null
 * if the host has no such mix. A process holds the namespace. It ends when its
 * standard input closes, so it always ends with the bench.
 */
async function enterPureCgroupV1(
  { cleanup }: Workspace,
): Promise<string[] | null> {
  const unified = "/sys/fs/cgroup/unified";
  const mounts = await Deno.readTextFile("/proc/self/mountinfo");
  if (!mounts.includes(` ${unified} `)) return null;
  if (await which("unshare") === null || await which("nsenter") === null) {
    return null;
  }
  const script = `umount ${unified} && echo ready && exec cat`;
  const holder = new Deno.Command("unshare", {
    args: ["--mount", "--propagation", "private", "sh", "-c", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  cleanup.defer(async () => {
    await holder.stdin.close().catch(() => {});
    await holder.stdout.cancel().catch(() => {});
    await holder.status;
  });
  const reader = holder.stdout.getReader();
  const { done } = await reader.read();
  reader.releaseLock();
  return done ? null : ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`];
}

function prefixed(attempt: Attempt, prefix: readonly string[]): Attempt {
  return {
    command(n) {
      const { argv, env } = attempt.command(n);
      return { argv: [...prefix, ...argv], env };
    },
    note: "refuses this host's mix of cgroup v1 and v2, so nsenter takes it" +
      " to a mount namespace without the v2 mount; the time has that exec in it",
  };
}

/** The names in a directory; none if it does not exist. */
export async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir))).map((entry) =>
      entry.name
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
