/** The table of the flags of `run` and `explain run`. */

import { DEFAULT_HOSTNAME } from "../spec/defaults.ts";
import type { Flag, Flags } from "./flags.ts";
import { RESOURCE_FLAGS } from "./limit_flags.ts";

const namespace = (name: string, what: string): Flag => ({
  name,
  value: "MODE",
  help: `${what}: private, host or path:FILE`,
});

/**
 * Flags that let the container outlive its command, or record it. See
 * cli/daily/keep_flags.ts.
 */
export const KEPT_FLAGS: readonly Flag[] = [
  {
    name: "detach",
    short: "d",
    help: "Run in the background and print the container ID",
  },
  {
    name: "detach-keys",
    value: "KEYS",
    help: "Stay attached until you press these keys (ctrl-p,ctrl-q)",
  },
  { name: "name", value: "NAME", help: "Name the container" },
  {
    name: "cidfile",
    value: "FILE",
    help: "Write the container ID to a new file",
  },
  {
    name: "rm",
    help: "Remove the container when it ends (default without a name)",
  },
  {
    name: "restart",
    value: "POLICY",
    help: "When to restart: no, on-failure[:N], always, unless-stopped",
  },
  {
    name: "label",
    short: "l",
    value: "K=V",
    help: "Set a label, to filter by",
  },
  {
    name: "stop-signal",
    value: "SIGNAL",
    help: "Signal that stop sends (SIGTERM)",
  },
  {
    name: "stop-timeout",
    value: "SECONDS",
    help: "Time that stop waits before it sends SIGKILL (10)",
  },
  {
    name: "log-max-size",
    value: "SIZE",
    help: "Start a new log file at this size (4m); 0 for no limit",
  },
];

/** Whether the container gets a record, by which other commands find it. */
export const isKept = (flags: Flags) =>
  KEPT_FLAGS.some(({ name }) =>
    name !== "rm" && flags.last(name) !== undefined
  );

/** The flags whose values may have bytes that are not UTF-8. */
const WITH_BYTES: readonly string[] =
  "rootfs env env-file workdir entrypoint landlock volume mount tmpfs dir file symlink bind bind-try ro-bind ro-bind-try"
    .split(" ");

/** All flags of `run`. */
export const RUN_FLAGS: readonly Flag[] = [
  ...KEPT_FLAGS,
  {
    name: "rootfs",
    value: "DIR",
    help: "Root filesystem (./fs), an image FILE, / or empty",
  },
  {
    name: "image",
    value: "NAME",
    help: "Root filesystem from this image; all words are the command",
  },
  {
    name: "pull",
    value: "WHEN",
    help: "Fetch the image: missing (default), always, newer or never",
  },
  {
    name: "platform",
    value: "PLATFORM",
    help: "Of the image: OS/ARCHITECTURE[/VARIANT]",
  },
  {
    name: "hostname",
    short: "h",
    value: "NAME",
    help: `Hostname inside (default ${DEFAULT_HOSTNAME})`,
  },
  { name: "domainname", value: "NAME", help: "NIS domain name inside" },
  {
    name: "add-host",
    value: "NAME:IP",
    help: "Add a line to /etc/hosts; host-gateway is the host",
  },
  { name: "dns", value: "IP", help: "Add a name server to /etc/resolv.conf" },
  {
    name: "dns-search",
    value: "DOMAIN",
    help: "Add a search domain to /etc/resolv.conf",
  },
  {
    name: "dns-option",
    value: "OPTION",
    help: "Add an option of resolv.conf(5)",
  },
  {
    name: "dns-opt",
    as: "dns-option",
    value: "OPTION",
    help: "The same as --dns-option",
  },
  {
    name: "env",
    short: "e",
    value: "K=V",
    help: "Set a variable; K alone passes on the caller's value",
  },
  { name: "env-file", value: "FILE", help: "Read variables from a file" },
  { name: "env-host", help: "Start with the caller's environment" },
  {
    name: "workdir",
    short: "w",
    value: "DIR",
    help: "Working directory inside (default /)",
  },
  {
    name: "user",
    short: "u",
    value: "USER[:GROUP]",
    help: "Run as this user of the root filesystem, a name or a number",
  },
  {
    name: "entrypoint",
    value: "WORD",
    help: "A word before those of the command",
  },
  { name: "group-add", value: "GROUP", help: "Add a supplementary group" },
  {
    name: "tty",
    short: "t",
    help: "Give it its own terminal (default on a terminal)",
  },
  { name: "no-tty", short: "T", help: "Share the caller's terminal" },
  {
    name: "interactive",
    short: "i",
    help: "Keep standard input open (always true without --detach)",
  },
  {
    name: "volume",
    short: "v",
    value: "SRC:DST[:OPTIONS]",
    help: "Mount a volume, or a host path (ro, nocopy, rslave, idmap, …)",
  },
  {
    name: "volumes-from",
    value: "CONTAINER[:ro]",
    help: "Mount the volumes of another container",
  },
  {
    name: "mount",
    value: "type=T,…",
    help: "Add a mount: type=bind|volume|image|tmpfs,source=S,target=T",
  },
  {
    name: "tmpfs",
    value: "DST[:OPTIONS]",
    help: "Mount an empty directory in memory",
  },
  {
    name: "bind",
    value: "SRC[:DST]",
    help: "Bind mount a host path, in the order given",
  },
  { name: "ro-bind", value: "SRC[:DST]", help: "Like --bind, but read-only" },
  {
    name: "bind-try",
    value: "SRC[:DST]",
    help: "Like --bind, but ignored if SRC does not exist",
  },
  {
    name: "ro-bind-try",
    value: "SRC[:DST]",
    help: "Like --ro-bind, but ignored if SRC does not exist",
  },
  { name: "dir", value: "DST", help: "Create an empty directory" },
  { name: "file", value: "SRC:DST", help: "Copy a file" },
  { name: "symlink", value: "TO:DST", help: "Create a symbolic link" },
  {
    name: "device",
    value: "HOST[:INSIDE][:rwm]",
    help: "Add a host device, or all devices in a directory",
  },
  {
    name: "shm-size",
    value: "SIZE",
    help: "Size of /dev/shm, e.g. 1g (default 64m)",
  },
  { name: "read-only", help: "Make the root filesystem read-only" },
  {
    name: "ephemeral",
    help: "Keep changes in memory and discard them at the end",
  },
  {
    name: "overlay",
    value: "DIR",
    help: "Keep changes in DIR/upper, created if missing",
  },
  {
    name: "network",
    value: "MODE",
    help: "none, host, pasta, path:FILE, container:ID, NETWORK",
  },
  { name: "net", as: "network", value: "MODE", help: "The same as --network" },
  {
    name: "network-alias",
    value: "NAME",
    help: "A further name in the network; repeatable",
  },
  { name: "ip", value: "ADDRESS", help: "The address in the network" },
  { name: "ip6", value: "ADDRESS", help: "The IPv6 address in the network" },
  {
    name: "mac-address",
    value: "ADDRESS",
    help: "The hardware address in the network",
  },
  {
    name: "publish",
    short: "p",
    value: "[[IP:]HOST:]PORT",
    help: "Publish a port, or a range, on the host; /udp, /sctp",
  },
  {
    name: "publish-all",
    short: "P",
    help: "Publish every exposed port on a free one of the host",
  },
  {
    name: "expose",
    value: "PORT[/PROTO]",
    help: "Note a port for --publish-all, as the image does",
  },
  namespace("pid", "Process tree"),
  namespace("uts", "Hostname"),
  namespace("ipc", "Message queues and shared memory"),
  namespace("cgroupns", "View of the cgroup tree"),
  namespace("time", "Clocks"),
  {
    name: "time-offset",
    value: "CLOCK=SECONDS",
    help: "Shift monotonic or boottime, in a new time namespace",
  },
  {
    name: "userns",
    value: "MODE",
    optional: /^(host|private|auto|path:.*)$/,
    help: "User IDs: private (you are root inside), auto (subuid), host",
  },
  { name: "uidmap", value: "IN:OUT:SIZE", help: "Map user IDs" },
  { name: "gidmap", value: "IN:OUT:SIZE", help: "Map group IDs" },
  { name: "cap-add", value: "CAP", help: "Add a capability, or ALL" },
  { name: "cap-drop", value: "CAP", help: "Drop a capability, or ALL" },
  {
    name: "privileged",
    help: "All capabilities, no masked paths, no seccomp filter",
  },
  {
    name: "no-new-privs",
    help: "Setuid files grant no privileges (default; =false disables)",
  },
  {
    name: "seccomp",
    value: "PROFILE",
    help: "default, unconfined, a profile FILE, or learn[=FILE]",
  },
  {
    name: "landlock",
    value: "RULE",
    help: "Allow only ro=, rw= or exec=PATH, connect= or bind=PORT",
  },
  {
    name: "security-opt",
    value: "OPTION",
    help: "Docker's name for --no-new-privs, --seccomp and --apparmor",
  },
  { name: "apparmor", value: "PROFILE", help: "Apply an AppArmor profile" },
  { name: "selinux", value: "LABEL", help: "Apply an SELinux label" },
  {
    name: "ulimit",
    value: "NAME=SOFT[:HARD]",
    help: "Set a limit of setrlimit(2), e.g. nofile=1024",
  },
  {
    name: "personality",
    value: "DOMAIN",
    help: "linux or linux32, which changes uname -m",
  },
  {
    name: "umask",
    value: "MODE",
    help: "Permission bits that new files do not get, in octal",
  },
  {
    name: "oom-score-adj",
    value: "N",
    help: "Adjust the out-of-memory score (-1000 to 1000)",
  },
  { name: "nice", value: "N", help: "Scheduling priority (-20 to 19)" },
  { name: "cpu", value: "LIST", help: "Set the CPU affinity, e.g. 0-1,3" },
  ...RESOURCE_FLAGS,
  {
    name: "sysctl",
    value: "K=V",
    help: "Set a sysctl of one of the container's namespaces",
  },
  {
    name: "streams",
    value: "MODE",
    help: "Files as standard streams: relay (default) or inherit",
  },
  {
    name: "preserve-fd",
    value: "N",
    help: "Pass N file descriptors, starting with 3",
  },
  {
    name: "preserve-fds",
    as: "preserve-fd",
    value: "N",
    help: "The same as --preserve-fd",
  },
  {
    name: "status-fd",
    value: "N",
    help: "Write events to this descriptor, as JSON lines",
  },
  {
    name: "no-init",
    help: "Run the command as PID 1; no second Deno starts",
  },
  { name: "init", help: "Run our program as PID 1 (default)" },
  {
    name: "chroot",
    help: "Use chroot, which is weaker; for hosts on an initramfs",
  },
  {
    name: "quiet",
    short: "q",
    help: "Do not print `running …` and other messages",
  },
  { name: "debug", help: "Show stack traces" },
].map((flag: Flag) =>
  WITH_BYTES.includes(flag.name) ? { ...flag, bytes: true } : flag
);
