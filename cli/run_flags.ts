/** The table of the flags of `run` and `explain run`. */

import { DEFAULT_HOSTNAME } from "../spec/defaults.ts";
import type { Flag } from "./flags.ts";

const namespace = (name: string, what: string): Flag => ({
  name,
  value: "MODE",
  help: `${what}: private, host or path:FILE`,
});

const RESOURCE_FLAGS: readonly Flag[] = [
  {
    name: "memory",
    short: "m",
    value: "SIZE",
    help: "At most so much memory, like 512m",
  },
  { name: "memory-swap", value: "SIZE", help: "Memory and swap together" },
  {
    name: "memory-reservation",
    value: "SIZE",
    help: "What it keeps when memory is short",
  },
  { name: "cpus", value: "N", help: "At most so many CPUs, like 1.5" },
  {
    name: "memory-swappiness",
    value: "N",
    help: "How readily it is swapped out (0 to 100)",
  },
  { name: "oom-kill-disable", help: "It waits where memory runs out" },
  {
    name: "cpu-period",
    value: "N",
    help: "Microseconds that --cpu-quota is of",
  },
  { name: "cpu-quota", value: "N", help: "Microseconds of a period" },
  { name: "cpu-shares", value: "N", help: "Its weight among others (1024)" },
  { name: "cpuset-cpus", value: "LIST", help: "Only these CPUs, by cgroup" },
  { name: "cpuset-mems", value: "LIST", help: "Only these memory nodes" },
  { name: "pids-limit", value: "N", help: "At most so many processes" },
  {
    name: "blkio-weight",
    value: "N",
    help: "Its weight at disks (10 to 1000)",
  },
  {
    name: "device-read-bps",
    value: "DEVICE:RATE",
    help: "At most so many bytes a second from a disk",
  },
  {
    name: "device-write-bps",
    value: "DEVICE:RATE",
    help: "At most so many bytes a second to a disk",
  },
  {
    name: "device-read-iops",
    value: "DEVICE:RATE",
    help: "At most so many reads a second",
  },
  {
    name: "device-write-iops",
    value: "DEVICE:RATE",
    help: "At most so many writes a second",
  },
  { name: "hugetlb", value: "SIZE:LIMIT", help: "Huge pages, like 2MB:64m" },
  {
    name: "cgroup-parent",
    value: "PATH",
    help: "Where its cgroup is made; limits there hold for it too",
  },
];

/**
 * Flags that let the container outlive its command, or record it. See
 * cli/daily/keep_flags.ts.
 */
export const KEPT_FLAGS: readonly Flag[] = [
  {
    name: "detach",
    short: "d",
    help: "In the background: print the id, and end",
  },
  {
    name: "detach-keys",
    value: "KEYS",
    help: "Attached until these keys; then it lives on (ctrl-p,ctrl-q)",
  },
  { name: "name", value: "NAME", help: "What other commands call it" },
  { name: "rm", help: "It goes when it ends (default without a name)" },
  {
    name: "restart",
    value: "POLICY",
    help: "no, on-failure[:N], always or unless-stopped",
  },
  { name: "label", short: "l", value: "K=V", help: "To find it by" },
  {
    name: "stop-signal",
    value: "SIGNAL",
    help: "What stop sends (SIGTERM)",
  },
  {
    name: "stop-timeout",
    value: "SECONDS",
    help: "From that to SIGKILL (10)",
  },
  {
    name: "log-max-size",
    value: "SIZE",
    help: "Of the log before it is begun anew (4m); 0 for no end",
  },
];

/** All flags of `run`. */
export const RUN_FLAGS: readonly Flag[] = [
  ...KEPT_FLAGS,
  {
    name: "rootfs",
    value: "DIR",
    help: "Root filesystem (./fs), or an image FILE; / or empty",
  },
  {
    name: "hostname",
    value: "NAME",
    help: `The name inside (default ${DEFAULT_HOSTNAME})`,
  },
  { name: "domainname", value: "NAME", help: "The NIS domain inside" },
  {
    name: "add-host",
    value: "NAME:IP",
    help: "A line of /etc/hosts",
  },
  { name: "dns", value: "IP", help: "A name server, in /etc/resolv.conf" },
  {
    name: "dns-search",
    value: "DOMAIN",
    help: "Where short names are looked for",
  },
  { name: "dns-option", value: "OPTION", help: "An option of resolv.conf(5)" },
  {
    name: "env",
    short: "e",
    value: "K=V",
    help: "Set a variable; K alone takes the caller's value",
  },
  { name: "env-file", value: "FILE", help: "Set the variables of a file" },
  { name: "env-host", help: "Start from the caller's environment" },
  {
    name: "workdir",
    short: "w",
    value: "DIR",
    help: "The working directory inside (default /)",
  },
  {
    name: "user",
    short: "u",
    value: "USER[:GROUP]",
    help: "Run as a user of the root filesystem, by name or number",
  },
  { name: "group-add", value: "GROUP", help: "A further group" },
  {
    name: "tty",
    short: "t",
    help: "A terminal of its own (default on a terminal)",
  },
  { name: "no-tty", short: "T", help: "The terminal it was started from" },
  {
    name: "interactive",
    short: "i",
    help: "Keep standard input open (it always is)",
  },
  {
    name: "volume",
    short: "v",
    value: "SRC:DST[:OPTIONS]",
    help: "Show a path of the host inside (ro, bind, rslave, idmap, …)",
  },
  {
    name: "mount",
    value: "type=T,…",
    help: "A mount in words: type=bind,source=S,target=T,readonly",
  },
  { name: "tmpfs", value: "DST[:OPTIONS]", help: "A directory in memory" },
  {
    name: "bind",
    value: "SRC[:DST]",
    help: "Show a path of the host inside, in the order given",
  },
  { name: "ro-bind", value: "SRC[:DST]", help: "The same, read-only" },
  { name: "bind-try", value: "SRC[:DST]", help: "The same, if it is there" },
  {
    name: "ro-bind-try",
    value: "SRC[:DST]",
    help: "The same, read-only, if it is there",
  },
  { name: "dir", value: "DST", help: "Make an empty directory" },
  { name: "file", value: "SRC:DST", help: "Copy a file" },
  { name: "symlink", value: "TO:DST", help: "Make a symbolic link" },
  {
    name: "device",
    value: "HOST[:INSIDE][:rwm]",
    help: "A device of the host, or a directory of them",
  },
  {
    name: "shm-size",
    value: "SIZE",
    help: "The size of /dev/shm, like 1g (64m)",
  },
  { name: "read-only", help: "The root filesystem cannot be changed" },
  { name: "ephemeral", help: "Changes go to memory and are thrown away" },
  {
    name: "overlay",
    value: "DIR",
    help: "Changes are kept in DIR/upper, made where it is missing",
  },
  {
    name: "network",
    value: "MODE",
    help: "none (default: loopback only), host or path:FILE",
  },
  namespace("pid", "Process tree"),
  namespace("uts", "Hostname"),
  namespace("ipc", "Message queues and shared memory"),
  namespace("cgroupns", "View of the cgroup tree"),
  namespace("time", "Clocks"),
  {
    name: "time-offset",
    value: "CLOCK=SECONDS",
    help: "Set monotonic or boottime off, in clocks of its own",
  },
  {
    name: "userns",
    value: "MODE",
    optional: /^(host|private|auto|path:.*)$/,
    help: "User ids: private (you are root inside), auto (subuid), host",
  },
  { name: "uidmap", value: "IN:OUT:SIZE", help: "Map user ids" },
  { name: "gidmap", value: "IN:OUT:SIZE", help: "Map group ids" },
  { name: "cap-add", value: "CAP", help: "Add a capability, or ALL" },
  { name: "cap-drop", value: "CAP", help: "Drop a capability, or ALL" },
  { name: "privileged", help: "Every capability, nothing masked or filtered" },
  {
    name: "no-new-privs",
    help: "No setuid file gives rights (default; =false turns it off)",
  },
  {
    name: "seccomp",
    value: "PROFILE",
    help: "default, unconfined, a profile's FILE, or learn[=FILE]",
  },
  {
    name: "landlock",
    value: "RULE",
    help: "Close all but ro=, rw= or exec=PATH, connect= or bind=PORT",
  },
  { name: "apparmor", value: "PROFILE", help: "An AppArmor profile" },
  { name: "selinux", value: "LABEL", help: "An SELinux label" },
  {
    name: "ulimit",
    value: "NAME=SOFT[:HARD]",
    help: "A limit of setrlimit(2), like nofile=1024",
  },
  {
    name: "personality",
    value: "DOMAIN",
    help: "linux or linux32: what uname -m says",
  },
  { name: "umask", value: "MODE", help: "What new files' permissions lack" },
  {
    name: "oom-score-adj",
    value: "N",
    help: "How soon it is killed when memory runs out (-1000 to 1000)",
  },
  { name: "nice", value: "N", help: "Its priority (-20 to 19)" },
  { name: "cpu", value: "LIST", help: "Run on these CPUs only, like 0-1,3" },
  ...RESOURCE_FLAGS,
  { name: "sysctl", value: "K=V", help: "A sysctl that a namespace holds" },
  {
    name: "streams",
    value: "MODE",
    help: "Of files: relay them (default) or inherit",
  },
  {
    name: "preserve-fd",
    value: "N",
    help: "Keep N descriptors from 3 upwards",
  },
  {
    name: "status-fd",
    value: "N",
    help: "Write what happens to a descriptor, a JSON line each",
  },
  {
    name: "no-init",
    help: "The command itself is PID 1, and no second runtime starts",
  },
  { name: "init", help: "Our program is PID 1 (default)" },
  {
    name: "chroot",
    help: "Change root by chroot: weaker; for a host on an initramfs",
  },
  { name: "quiet", short: "q", help: "Do not say `running …`" },
  { name: "debug", help: "Show stack traces" },
];
