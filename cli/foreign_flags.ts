/**
 * Flags of docker run and bubblewrap that do not exist here, and the closest
 * alternative. Loaded only if one is given. Pure.
 */

const ALWAYS = "It is always so: leave it out.";
const DEFAULT_MOUNT = "It is mounted by default: leave it out.";
const NEW = "It is new by default: leave it out.";
const NO_IMAGES = "There are no images yet: --rootfs names a directory.";
const NO_NETWORKS =
  "There are no networks of its own yet: --network host shares the host's.";
const NO_HEALTH = "Nothing looks after a container's health: leave it out.";
const NO_LOGS =
  "It goes to the standard streams of run, or with --detach to what logs shows.";
const NO_PAIR = "It takes no pair of words here:";
const BY_DESCRIPTOR = "Files are named by path here:";

/** For each flag, a sentence on what to do instead. */
const NEAREST: Record<string, string> = {
  // docker run
  annotation: "Use --label.",
  attach: NO_LOGS,
  a: NO_LOGS,
  "blkio-weight-device": "Use --blkio-weight, for all disks.",
  cidfile: "--detach prints the id.",
  c: "Use --cpu-shares.",
  "cpu-count": "That is for Windows: use --cpus.",
  "cpu-percent": "That is for Windows: use --cpus.",
  "cpu-rt-period": "Use --cpus.",
  "cpu-rt-runtime": "Use --cpus.",
  "device-cgroup-rule":
    "Use --device HOST:INSIDE:ACCESS; other nodes open nothing.",
  "disable-content-trust": NO_IMAGES,
  "dns-opt": "Use --dns-option.",
  entrypoint: "The command is what follows the flags: name it there.",
  expose: NO_NETWORKS,
  gpus: "Use --device for each node, like --device /dev/nvidia0.",
  "health-cmd": NO_HEALTH,
  "health-interval": NO_HEALTH,
  "health-retries": NO_HEALTH,
  "health-start-interval": NO_HEALTH,
  "health-start-period": NO_HEALTH,
  "health-timeout": NO_HEALTH,
  "no-healthcheck": NO_HEALTH,
  "io-maxbandwidth": "Use --device-read-bps and --device-write-bps.",
  "io-maxiops": "Use --device-read-iops and --device-write-iops.",
  ip: NO_NETWORKS,
  ip6: NO_NETWORKS,
  isolation: "That is for Windows: leave it out.",
  "kernel-memory": "The kernel counts it as memory: use --memory.",
  "label-file": "Give each by --label.",
  link: NO_NETWORKS,
  "link-local-ip": NO_NETWORKS,
  "log-driver": NO_LOGS,
  "log-opt": NO_LOGS,
  "mac-address": NO_NETWORKS,
  net: "Use --network.",
  "network-alias": NO_NETWORKS,
  platform: NO_IMAGES,
  publish: NO_NETWORKS,
  p: NO_NETWORKS,
  "publish-all": NO_NETWORKS,
  P: NO_NETWORKS,
  pull: NO_IMAGES,
  runtime: "It is its own runtime: leave it out.",
  "security-opt": "Use --seccomp, --apparmor, --selinux or --no-new-privs.",
  "sig-proxy": ALWAYS,
  "storage-opt": "Use --overlay or --ephemeral.",
  "use-api-socket": "There is no daemon and no socket: leave it out.",
  "volume-driver": "Mount it on the host and use --volume.",
  "volumes-from": "Give the same --volume again.",
  // bubblewrap
  args: "Give the flags on the command line.",
  argv0: "The command has its own name: leave it out.",
  "unshare-all": NEW,
  "share-net": "Use --network host.",
  "unshare-user": "Use --userns.",
  "unshare-user-try": "Use --userns; who is not root has one anyway.",
  "unshare-ipc": NEW,
  "unshare-pid": NEW,
  "unshare-net": NEW,
  "unshare-uts": NEW,
  "unshare-cgroup": NEW,
  "unshare-cgroup-try": NEW,
  userns2: "Use --userns path:FILE.",
  "disable-userns":
    "The filter of system calls refuses them by default: leave it out.",
  "assert-userns-disabled":
    "The filter of system calls refuses them by default: leave it out.",
  pidns: `${BY_DESCRIPTOR} --pid path:FILE.`,
  uid: "Use --user UID:GID.",
  gid: "Use --user UID:GID.",
  chdir: "Use --workdir.",
  clearenv: "The environment is clean by default: leave it out.",
  setenv: `${NO_PAIR} --env NAME=VALUE.`,
  unsetenv: "The environment is clean by default: leave it out.",
  "lock-file": "Use flock(1).",
  "sync-fd": "Use --status-fd.",
  "dev-bind": `${NO_PAIR} --volume SRC:DST:dev, or --device.`,
  "dev-bind-try": `${NO_PAIR} --volume SRC:DST:dev, or --device.`,
  "bind-fd": `${BY_DESCRIPTOR} --bind SRC:DST.`,
  "ro-bind-fd": `${BY_DESCRIPTOR} --ro-bind SRC:DST.`,
  "remount-ro": "Use --read-only, or :ro with the mount.",
  "overlay-src": "Use --overlay, which goes over --rootfs.",
  "tmp-overlay": "Use --ephemeral.",
  "ro-overlay": "Use --ephemeral with --read-only.",
  "exec-label": "Use --selinux.",
  "file-label": "Use --mount with context=LABEL.",
  proc: DEFAULT_MOUNT,
  dev: DEFAULT_MOUNT,
  mqueue: DEFAULT_MOUNT,
  "bind-data": `${BY_DESCRIPTOR} --file SRC:DST.`,
  "ro-bind-data": `${BY_DESCRIPTOR} --file SRC:DST.`,
  "add-seccomp-fd": `${BY_DESCRIPTOR} --seccomp FILE.`,
  "block-fd": "Use --status-fd, and wait in the command.",
  "userns-block-fd": "Use --uidmap and --gidmap.",
  "info-fd": "Use --status-fd.",
  "json-status-fd": "Use --status-fd.",
  "new-session": "Use --tty, which gives it a session and a terminal.",
  "die-with-parent": ALWAYS,
  "as-pid-1": "Use --no-init.",
  perms: "Use --tmpfs DST:mode=MODE.",
  size: "Use --tmpfs DST:size=SIZE.",
  chmod: "Use --tmpfs DST:mode=MODE.",
};

/** The advice for a flag of another program; null for an unknown one. */
export function nearestFlag(name: string): string | null {
  return Object.hasOwn(NEAREST, name) ? NEAREST[name]! : null;
}
