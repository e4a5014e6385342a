/**
 * Configurations for tests, like those that various programs write. Each has
 * parts that the others lack.
 */

// deno-lint-ignore no-explicit-any
type Json = any;

const CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const namespaces = (types: string) =>
  types.split(" ").map((type) => ({ type }));
const mount = (
  destination: string,
  type: string,
  source: string,
  options: string,
) => ({ destination, type, source, options: options.split(" ") });

/** The smallest valid configuration. */
export function minimal(): Json {
  return {
    ociVersion: "1.0.0",
    process: { args: ["true"], cwd: "/" },
    root: { path: "rootfs" },
    linux: { namespaces: [{ type: "mount" }] },
  };
}

/** Like the output of `runc spec`. */
export function runcLike(): Json {
  return {
    ociVersion: "1.0.2-dev",
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/bin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: {
        bounding: CAPS,
        effective: CAPS,
        permitted: CAPS,
        ambient: CAPS,
      },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755"),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid noexec relatime ro"),
    ],
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: namespaces("pid network ipc uts mount cgroup"),
      maskedPaths: ["/proc/kcore", "/sys/firmware"],
      readonlyPaths: ["/proc/sys"],
    },
  };
}

/** Like the output of `runc spec --rootless`. */
export function rootlessLike(): Json {
  const config = runcLike();
  delete config.linux.resources;
  config.linux.namespaces = namespaces("pid ipc uts mount cgroup user");
  config.linux.uidMappings = [{ containerID: 0, hostID: 1000, size: 1 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 1000, size: 1 }];
  config.mounts.push(mount("/sys", "none", "/sys", "rbind nosuid ro"));
  return config;
}

/** Like those of dockerd and containerd: a filter, limits, hooks, all members present. */
export function dockerLike(): Json {
  const config = runcLike();
  config.ociVersion = "1.2.0";
  config.process.terminal = false;
  config.process.user.additionalGids = [0, 10];
  config.process.consoleSize = { height: 0, width: 0 };
  config.process.oomScoreAdj = 0;
  config.process.apparmorProfile = "docker-default";
  config.process.rlimits = [
    { type: "RLIMIT_CORE", hard: UNLIMITED, soft: UNLIMITED },
    { type: "RLIMIT_NOFILE", hard: 1048576, soft: 1048576 },
  ];
  config.root.path = "/var/lib/docker/overlay2/x/merged";
  config.mounts.push(
    mount("/etc/hosts", "bind", "/var/lib/docker/hosts", "rbind rprivate"),
  );
  config.hooks = {
    prestart: [{
      path: "/proc/1/exe",
      args: ["libnetwork-setkey", "-exec-root=/var/run/docker", "x", "y"],
    }],
  };
  config.annotations = {
    "io.x/a b": "",
    "org.opencontainers.image.title": "x",
  };
  Object.assign(config.linux, {
    sysctl: { "net.ipv4.ip_unprivileged_port_start": "0" },
    cgroupsPath: "/docker/0123456789abcdef",
    resources: {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
        { allow: true, type: "c", major: 136, access: "rwm" },
      ],
      memory: {
        limit: 67108864,
        swap: 134217728,
        disableOOMKiller: false,
        swappiness: 60,
      },
      cpu: { shares: 0, quota: 50000, period: 100000, cpus: "", mems: "" },
      pids: { limit: 100 },
      blockIO: {
        weight: 0,
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1048576 }],
      },
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      unified: { "memory.high": "1073741824" },
    },
    devices: [{
      type: "c",
      path: "/dev/fuse",
      major: 10,
      minor: 229,
      fileMode: 8630, // With S_IFCHR, as returned by stat(2).
      uid: 0,
      gid: 0,
    }],
    seccomp: {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      syscalls: [
        { names: ["accept", "accept4"], action: "SCMP_ACT_ALLOW" },
        {
          names: ["clone"],
          action: "SCMP_ACT_ALLOW",
          args: [{
            index: 0,
            value: 2114060288,
            valueTwo: 0,
            op: "SCMP_CMP_MASKED_EQ",
          }],
        },
        { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
      ],
    },
    rootfsPropagation: "rslave",
  });
  return config;
}

/** Like those of podman: cgroups of systemd, joined namespaces, mapped mounts. */
export function podmanLike(): Json {
  const config = rootlessLike();
  config.process.user = { uid: 1000, gid: 1000, umask: 18 };
  config.process.rlimits[0] = {
    type: "RLIMIT_NPROC",
    hard: 4194304,
    soft: 4194304,
  };
  config.annotations = {
    "io.container.manager": "libpod",
    "org.opencontainers.image.stopSignal": "15",
  };
  config.hooks = {
    createRuntime: [{ path: "/usr/bin/hook", timeout: 10, env: ["A=b"] }],
    poststop: [],
  };
  const network = { type: "network", path: "/run/user/1000/netns/netns-1" };
  config.linux.namespaces.push(network, { type: "time" });
  config.linux.timeOffsets = { boottime: { secs: -5, nanosecs: 10 } };
  config.linux.cgroupsPath = "user.slice:libpod:0123";
  config.linux.intelRdt = { closID: "gold", schemata: ["L3:0=f"] };
  config.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0", flags: [] };
  config.linux.netDevices = { eth1: { name: "net0" }, eth2: {} };
  config.linux.personality = { domain: "LINUX32", flags: [] };
  config.process.scheduler = { policy: "SCHED_BATCH", nice: 5 };
  config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 4 };
  config.process.execCPUAffinity = { initial: "0-1", final: "0, 2" };
  config.mounts.push({
    ...mount("/data", "bind", "/srv/data", "rbind idmap"),
    uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
  });
  return config;
}

/** {@linkcode asText} writes 2^64 - 1 for it, which a JavaScript number cannot hold. */
const UNLIMITED = "unlimited";

/** The text of a configuration's file. */
export function asText(config: Json): string {
  return JSON.stringify(config, null, "\t")
    .replaceAll(`"${UNLIMITED}"`, "18446744073709551615");
}

/** All configurations, by name. */
export const CONFIGS: Record<string, () => Json> = {
  minimal,
  runcLike,
  rootlessLike,
  dockerLike,
  podmanLike,
};

/** A change to a configuration. */
export type Change = (config: Json) => void;

/** The text of a configuration after a change. */
export function changed(change: Change, base = runcLike): string {
  const config = base();
  change(config);
  return asText(config);
}
