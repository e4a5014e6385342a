/**
 * Flags of docker run and bubblewrap that do not exist here, and the closest
 * alternative. Loaded only if one is given. Pure.
 */

const ALWAYS = "It is always enabled. Remove the flag.";
const DEFAULT_MOUNT = "It is mounted by default. Remove the flag.";
const NEW = "The namespace is new by default. Remove the flag.";
const PLATFORM = "Use --platform OS/ARCHITECTURE/VARIANT.";
const PULL_FIRST = "Pull the image first: container pull has this flag.";
const NO_NETWORKS =
  "This is not supported yet. --network host shares the host's network.";
const NO_PODS =
  "There are no pods. --network path:/proc/PID/ns/net joins another network.";
const NO_ACCOUNTS =
  "The accounts are those of the root filesystem. Remove the flag.";
const NO_HEALTH = "Health checks are not supported. Remove the flag.";
const NO_LOGS =
  "Output goes to the standard streams of run, or with --detach to the log that logs shows.";
const NO_PAIR = "Flags take a single word here:";
const BY_DESCRIPTOR = "Files are given by path here:";

/** For each flag, a sentence on what to do instead. */
const NEAREST: Record<string, string> = {
  // docker run
  annotation: "Use --label.",
  attach: NO_LOGS,
  a: NO_LOGS,
  "blkio-weight-device": "Use --blkio-weight, for all disks.",
  c: "Use --cpu-shares.",
  "cpu-count": "This flag is for Windows. Use --cpus.",
  "cpu-percent": "This flag is for Windows. Use --cpus.",
  "cpu-rt-period": "Use --cpus.",
  "cpu-rt-runtime": "Use --cpus.",
  "device-cgroup-rule":
    "Use --device HOST:INSIDE:ACCESS; other device nodes cannot be opened.",
  "disable-content-trust":
    "policy.json says which images may be pulled. Remove the flag.",
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
  isolation: "This flag is for Windows. Remove the flag.",
  "kernel-memory": "The kernel counts it as memory. Use --memory.",
  "label-file": "Use --label for each label.",
  link: NO_NETWORKS,
  "link-local-ip": NO_NETWORKS,
  "log-driver": NO_LOGS,
  "log-opt": NO_LOGS,
  runtime: "container is its own runtime. Remove the flag.",
  "sig-proxy": ALWAYS,
  "storage-opt": "Use --overlay or --ephemeral.",
  "use-api-socket": "There is no daemon and no socket. Remove the flag.",
  "volume-driver": "The only driver is local. Remove the flag.",
  // podman run
  arch: PLATFORM,
  authfile: PULL_FIRST,
  "cgroup-conf": "Use the flag for the limit, such as --memory.",
  cgroups:
    "container --cgroup-manager disabled run … runs without a cgroup of its own.",
  chrootdirs: "Use --volume for each directory.",
  "conmon-pidfile": "inspect shows the PID of the container.",
  "env-merge": "Use --env NAME=VALUE.",
  "health-on-failure": NO_HEALTH,
  hostuser: "Use --user with a user of the root filesystem.",
  "http-proxy": "The environment is clean by default. Use --env http_proxy.",
  "image-volume":
    "Volumes of an image stay among the changes of the container.",
  "init-ctr": NO_PODS,
  "init-path": "PID 1 is this program. Use --no-init, or start your own.",
  "no-hosts": "Use --mount with your own file at /etc/hosts.",
  os: PLATFORM,
  passwd: NO_ACCOUNTS,
  "passwd-entry": NO_ACCOUNTS,
  pidfile: "inspect shows the PID of the container.",
  pod: NO_PODS,
  "pod-id-file": NO_PODS,
  "read-only-tmpfs": "Use --tmpfs /tmp with --read-only.",
  replace: "Remove the other container first: container rm --force NAME.",
  requires: "Start the other container first.",
  rmi: "Remove the image with container rmi.",
  sdnotify: "run passes no readiness messages on. Remove the flag.",
  "seccomp-policy": "Use --seccomp.",
  secret: "Use --file SRC:DST.",
  subgidname: "Use --userns auto, or --gidmap.",
  subuidname: "Use --userns auto, or --uidmap.",
  systemd: "Mount what systemd needs with --tmpfs.",
  timeout: "Use timeout(1) as the command.",
  "tls-verify": PULL_FIRST,
  tz: "Use --env TZ=NAME.",
  "unsetenv-all": "The environment is clean by default. Remove the flag.",
  variant: PLATFORM,
  // bubblewrap
  args: "Put the flags on the command line.",
  argv0: "argv[0] is always the command's name. Remove the flag.",
  "unshare-all": NEW,
  "share-net": "Use --network host.",
  "unshare-user": "Use --userns.",
  "unshare-user-try":
    "Use --userns. Without root there is always a user namespace.",
  "unshare-ipc": NEW,
  "unshare-pid": NEW,
  "unshare-net": NEW,
  "unshare-uts": NEW,
  "unshare-cgroup": NEW,
  "unshare-cgroup-try": NEW,
  userns2: "Use --userns path:FILE.",
  "disable-userns":
    "The seccomp filter refuses user namespaces by default. Remove the flag.",
  "assert-userns-disabled":
    "The seccomp filter refuses user namespaces by default. Remove the flag.",
  pidns: `${BY_DESCRIPTOR} --pid path:FILE.`,
  uid: "Use --user UID:GID.",
  gid: "Use --user UID:GID.",
  chdir: "Use --workdir.",
  clearenv: "The environment is clean by default. Remove the flag.",
  setenv: `${NO_PAIR} --env NAME=VALUE.`,
  unsetenv: "The environment is clean by default. Remove the flag.",
  "lock-file": "Use flock(1).",
  "sync-fd": "Use --status-fd.",
  "dev-bind": `${NO_PAIR} --volume SRC:DST:dev, or --device.`,
  "dev-bind-try": `${NO_PAIR} --volume SRC:DST:dev, or --device.`,
  "bind-fd": `${BY_DESCRIPTOR} --bind SRC:DST.`,
  "ro-bind-fd": `${BY_DESCRIPTOR} --ro-bind SRC:DST.`,
  "remount-ro": "Use --read-only, or the option ro of the mount.",
  "overlay-src": "Use --overlay, which is mounted over --rootfs.",
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
  "block-fd": "Use --status-fd, and wait inside the command.",
  "userns-block-fd": "Use --uidmap and --gidmap.",
  "info-fd": "Use --status-fd.",
  "json-status-fd": "Use --status-fd.",
  "new-session": "Use --tty, which creates a session and a terminal.",
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
