/**
 * Creates, starts and deletes a container for each of many random, broken
 * configurations, one after another in this process. It stops at the first that
 * ends in anything but a container or a readable error, or that leaves
 * something behind. tests/oci/config_runs_test.ts runs it in namespaces of its
 * own, where only its directory is writable, since a random configuration may
 * name any file of the host.
 *
 *   _config_runs.ts DIRECTORY CGROUP FIRST COUNT
 *
 * @module
 */

import { wait, WNOHANG } from "../ffi/wait.ts";
import { readBundle } from "../containers/decide/oci/bundle.ts";
import { requesterIn } from "../containers/decide/requester.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { create } from "../containers/oci/create.ts";
import { remove } from "../containers/oci/end.ts";
import { start } from "../containers/oci/start.ts";
import { Store } from "../containers/store/store.ts";
import { CONFIGS } from "../spec/_config_fixture.ts";
import { mutate } from "../spec/_config_mutation.ts";
import { ConfigError } from "../spec/config.ts";
import { ContainerError } from "../spec/errors.ts";

const [dir, cgroup, first, count] = Deno.args;
const bundle = `${dir}/bundle`;
const store = new Store(`${dir}/state`);

// deno-lint-ignore no-explicit-any
type Json = any;

/** Configurations of real programs, as far as any machine supports them. */
const bases = Object.values(CONFIGS).map((make) => (): Json => {
  const config = make();
  config.process.args = ["true"];
  config.process.terminal = false;
  config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 64, hard: 64 }];
  delete config.process.apparmorProfile;
  config.root.path = "rootfs";
  config.mounts = config.mounts?.filter(({ source }: Json) =>
    !/^\/(var|srv)/.test(source)
  );
  config.hooks = { poststop: [{ path: "/bin/true" }] };
  const { linux } = config;
  linux.namespaces = linux.namespaces.filter(({ path }: Json) => !path);
  for (const name of ["intelRdt", "netDevices", "cgroupsPath", "sysctl"]) {
    delete linux[name];
  }
  if (linux.timeOffsets) linux.timeOffsets = { monotonic: { secs: 5 } };
  if (linux.uidMappings) {
    linux.uidMappings[0].hostID = linux.gidMappings[0].hostID = 0;
    config.process.user = { uid: 0, gid: 0 };
  }
  if (linux.resources) {
    linux.resources = { pids: { limit: 100 }, memory: { limit: 1 << 26 } };
  }
  return config;
});

/** Values that are valid for one member or another. */
const values = [
  ...[1, 2, 7, 100, 1000, 4096, 65_536],
  ...["rootfs", "/tmp", "/etc/passwd", "/proc", "/proc/self/exe", "/dev/null"],
  ...["sh", "/bin/sh", "true", "tmp/relative", "/tmp/a/b/c", "/nowhere"],
  ...["tmpfs", "proc", "sysfs", "bind", "mqueue", "devpts", "cgroup", "none"],
  ...["rbind", "ro", "rro", "rshared", "slave", "idmap", "size=1k", "mode=1"],
  ...["pid", "user", "network", "time", "SCHED_IDLE", "LINUX", "shared"],
  ...["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_NOTIFY", "0-9999"],
  ["rbind", "ro"],
  { "kernel.shmmax": "1", "net.ipv4.ip_forward": "x" },
  { type: "user" },
  { type: "network", path: "/proc/self/ns/net" },
  { destination: "/tmp/x", type: "tmpfs", options: ["nosuid", "size=4k"] },
  { destination: "/tmp/y", type: "bind", source: "/etc", options: ["bind"] },
  { path: "/bin/false" },
  [{ path: "/bin/true", timeout: 1 }],
  { containerID: 0, hostID: 0, size: 1 },
  { type: "RLIMIT_CPU", soft: 1, hard: 1 },
  { type: "c", path: "/dev/x", major: 1, minor: 3 },
];

/** Keeps the cgroup findable; the seed decides whether there is one. */
function withOwnCgroup(text: string): string {
  try {
    const config = JSON.parse(text);
    if (typeof config?.linux?.cgroupsPath === "string") {
      config.linux.cgroupsPath =
        `/${cgroup}/${config.linux.cgroupsPath.length}`;
    } else if (typeof config?.linux === "object" && config.linux !== null) {
      config.linux.cgroupsPath ??= `/${cgroup}/own`;
    }
    return JSON.stringify(config);
  } catch {
    return text;
  }
}

function names(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch {
    return [];
  }
}

const mounts = () => Deno.readTextFileSync("/proc/self/mountinfo");
const hostMounts = mounts();

/** Lists what is left of a container after its end. */
function leftovers(): string[] {
  while (wait(-1, WNOHANG));
  return [
    ...names(`${dir}/state`).map((name) => `state ${name}`),
    ...names("/sys/fs/cgroup").flatMap((tree) =>
      names(`/sys/fs/cgroup/${tree}/${cgroup}`)
        .filter((name) => !/[.]|^(tasks|notify_on_release)$/.test(name))
        .map((name) => `cgroup ${tree} ${name}`)
    ),
    ...names("/proc").filter((name) =>
      /^\d+$/.test(name) && !own.has(name) && !isOver(name)
    ).map((pid) => `process ${pid}`),
    ...mounts() === hostMounts ? [] : ["mounts"],
  ];
}

/** The processes before the first container: this one and its parents. */
const own = new Set(names("/proc"));

function isOver(pid: string): boolean {
  try {
    return /^State:\s*[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return true;
  }
}

/** The longest readable error, in characters. */
const MOST_WORDS = 20_000;

/** Checks that an error is readable. */
function checkError(error: unknown): void {
  if (!(error instanceof ContainerError)) throw error;
  const { message } = error;
  if (message.length > MOST_WORDS) throw new Error(`too long: ${message}`);
}

type Outcome = "refused" | "failed" | "ran";

/** Whether a text led to a container; any other outcome is thrown. */
async function outcomeOf(text: string, seed: number): Promise<Outcome> {
  await Deno.writeTextFile(`${bundle}/config.json`, text);
  const warn = () => {};
  try {
    const { spec, path } = readBundle(bundle, requesterIn(THIS_MACHINE));
    const cgroups = seed % 4 ? "none" : "cgroupfs";
    await create(store, { id: "one", bundle: path, spec, cgroups, warn });
  } catch (error) {
    checkError(error);
    return error instanceof ConfigError ? "refused" : "failed";
  }
  try {
    await start(store, "one", { warn });
  } catch (error) {
    checkError(error);
  }
  await remove(store, "one", { force: true, warn });
  return "ran";
}

const counts: Record<Outcome, number> = { refused: 0, failed: 0, ran: 0 };
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  await Deno.writeTextFile(`${dir}/seed`, String(seed));
  const text = withOwnCgroup(mutate(seed, { bases, values, most: 2 }));
  let problem: unknown;
  try {
    counts[await outcomeOf(text, seed)]++;
    const left = leftovers();
    if (left.length) problem = `left: ${left.join(", ")}`;
  } catch (error) {
    problem = error instanceof Error ? error.stack : error;
  }
  if (problem === undefined) continue;
  // deno-lint-ignore no-console
  console.error(`seed ${seed}: ${problem}\n${text.slice(0, 4000)}`);
  Deno.exit(1);
}
// deno-lint-ignore no-console
console.log(JSON.stringify(counts));
