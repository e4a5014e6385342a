/** Facts of a machine without problems. Tests change some of them. */

import { PROBED_CALLS, type ProbedCall } from "../ffi/probe.ts";
import type { Facts } from "./facts.ts";
import { parseMountinfo } from "./mounts.ts";

const MOUNTINFO = `
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw
24 22 0:22 / /sys/fs/cgroup rw shared:3 - cgroup2 cgroup2 rw
`;

/** All capabilities. */
export const ALL = (1n << 41n) - 1n;

/** The facts for root on a current machine, with changes. */
export function rootFacts(changes: Partial<Facts> = {}): Facts {
  return {
    arch: "x86_64",
    kernel: "6.12.0-amd64",
    glibc: "2.41",
    calls: Object.fromEntries(
      PROBED_CALLS.map((name) => [name, "EINVAL"]),
    ) as Record<ProbedCall, string>,
    memfdNoexec: 0,
    uid: 0,
    gid: 0,
    user: "root",
    capabilities: ALL,
    bounding: ALL,
    noNewPrivileges: false,
    inside: null,
    nestedUser: false,
    namespaces: ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"],
    limits: { user: 9, pid: 9, mnt: 9, uts: 9, ipc: 9, net: 9 },
    tried: { ok: true, said: "", asUser: false },
    userNamespace: {
      present: true,
      unprivilegedClone: null,
      apparmorRestricts: null,
      maximum: 9,
    },
    subuid: [{ owner: "ada", start: 100000, count: 65536 }],
    subgid: [{ owner: "ada", start: 100000, count: 65536 }],
    newuidmap: { path: "/usr/bin/newuidmap", right: "setuid" },
    newgidmap: { path: "/usr/bin/newgidmap", right: "capability" },
    mounts: parseMountinfo(MOUNTINFO),
    cgroup: {
      v1: [],
      v2: {
        path: "/sys/fs/cgroup",
        controllers: ["cpu", "io", "memory", "pids"],
        writable: true,
      },
      delegated: null,
    },
    systemd: true,
    filesystems: ["proc", "ext4", "overlay", "squashfs", "devpts"],
    modules: ["loop"],
    loopControl: true,
    kvm: false,
    seccomp: ["kill_process", "errno", "allow"],
    seccompFiltered: false,
    keyrings: true,
    landlock: 6,
    apparmor: true,
    label: "unconfined",
    selinux: null,
    stateBase: {
      path: "/run",
      missing: "/run/container",
      directory: "/run/container",
      writable: true,
    },
    forwards: true,
    forwardPolicies: [],
    programs: { nft: "/usr/sbin/nft", ip: "/usr/sbin/ip" },
    packager: "apt-get",
    ...changes,
  };
}

/** The facts for the ordinary user ada on the same machine. */
export function userFacts(changes: Partial<Facts> = {}): Facts {
  return rootFacts({
    uid: 1000,
    gid: 1000,
    user: "ada",
    capabilities: 0n,
    tried: { ok: true, said: "", asUser: true },
    cgroup: {
      v1: [],
      v2: {
        path: "/sys/fs/cgroup",
        controllers: ["cpu", "io", "memory", "pids"],
        writable: false,
      },
      delegated: {
        path: "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service",
        controllers: ["cpu", "memory", "pids"],
        writable: true,
      },
    },
    stateBase: {
      path: "/run/user/1000",
      missing: "/run/user/1000/container",
      directory: "/run/user/1000/container",
      writable: true,
    },
    ...changes,
  });
}
