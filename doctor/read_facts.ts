/**
 * Reads the facts of this machine. Runs on the host, in the doctor command. It
 * changes nothing: it reads files, probes system calls, and lets unshare(1)
 * create namespaces that end with it.
 */

// @ts-types="../types/std_path.d.ts"
import { dirname } from "@std/path";
import { variable } from "../ffi/environment.ts";
import { libcVersion } from "../ffi/libc_version.ts";
import { LibcError } from "../ffi/libc.ts";
import { forwardPolicies } from "../network/kernel/forward_policy.ts";
import { ContainerError } from "../spec/errors.ts";
import {
  hasAttribute,
  landlockVersion,
  mayWrite,
  probeCall,
  PROBED_CALLS,
  type ProbedCall,
} from "../ffi/probe.ts";
import {
  type Facts,
  hasCapability,
  type IdRange,
  type IdTool,
  type Packager,
  type UserNamespaceFacts,
} from "./facts.ts";
import {
  below,
  type CgroupFacts,
  parseMountinfo,
  v1Controllers,
} from "./mounts.ts";

const SETUID = 0o4000;
const FIRST_USER_NAMESPACE = /^\s*0\s+0\s+4294967295\s*$/;
/** The fixed inode numbers of the initial namespaces, linux/proc_ns.h. */
const FIRST_NAMESPACES = { pid: 4026531836, uts: 4026531838 };
const LIMITS = ["user", "pid", "mnt", "uts", "ipc", "net", "cgroup", "time"];
const MODULE_LISTS = ["modules.dep", "modules.builtin"];
const PACKAGERS: Packager[] = ["apt-get", "dnf", "zypper", "pacman"];

/** The content of a file; null if it cannot be read for any reason. */
function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

function readNumber(path: string): number | null {
  const text = read(path)?.trim();
  return text && /^\d+$/.test(text) ? Number(text) : null;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

const lines = (text: string | null) =>
  (text ?? "").split("\n").filter((line) => line !== "");

const words = (text: string | null) =>
  (text ?? "").split(/\s+/).filter(Boolean);

/** The facts about user namespaces. Cheap enough for an error message. */
export function readUserNamespaceFacts(): UserNamespaceFacts {
  const kernel = "/proc/sys/kernel";
  return {
    present: exists("/proc/self/ns/user"),
    unprivilegedClone: readNumber(`${kernel}/unprivileged_userns_clone`),
    apparmorRestricts: readNumber(
      `${kernel}/apparmor_restrict_unprivileged_userns`,
    ),
    maximum: readNumber("/proc/sys/user/max_user_namespaces"),
  };
}

/**
 * Reads all facts.
 *
 * @param stateDirectory returns the directory that records containers, without
 * creating it, or throws a ContainerError
 */
export function readFacts(stateDirectory: () => string): Facts {
  const glibc = readGlibc();
  const status = read("/proc/self/status") ?? "";
  const field = (name: string) =>
    status.match(new RegExp(`^${name}:\\s*(\\S+)`, "m"))?.[1];
  const uid = Number(field("Uid") ?? Deno.uid() ?? 0);
  const capabilities = BigInt(`0x${field("CapEff") ?? "0"}`);
  const mountinfo = read("/proc/self/mountinfo") ?? "";
  const kernel = Deno.osRelease();
  return {
    arch: Deno.build.arch,
    kernel,
    glibc,
    calls: Object.fromEntries(
      PROBED_CALLS.map((
        call,
      ) => [call, glibc === null ? "unknown" : probeCall(call)]),
    ) as Record<ProbedCall, string>,
    memfdNoexec: readNumber("/proc/sys/vm/memfd_noexec"),
    uid,
    gid: Deno.gid() ?? 0,
    user: lines(read("/etc/passwd")).map((line) => line.split(":"))
      .find(([, , id]) => id === String(uid))?.[0] ?? null,
    capabilities,
    bounding: BigInt(`0x${field("CapBnd") ?? "0"}`),
    noNewPrivileges: field("NoNewPrivs") === "1",
    inside: readInside(),
    nestedUser: !FIRST_USER_NAMESPACE.test(
      read("/proc/self/uid_map") ?? "0 0 4294967295",
    ),
    namespaces: readNames("/proc/self/ns"),
    limits: readLimits(),
    tried: tryNamespaces(!hasCapability(capabilities, "CAP_SYS_ADMIN")),
    userNamespace: readUserNamespaceFacts(),
    subuid: parseRanges(read("/etc/subuid")),
    subgid: parseRanges(read("/etc/subgid")),
    newuidmap: glibc === null ? null : findIdTool("newuidmap"),
    newgidmap: glibc === null ? null : findIdTool("newgidmap"),
    mounts: parseMountinfo(mountinfo),
    cgroup: readCgroups(
      mountinfo,
      uid,
      glibc === null ? () => false : mayWrite,
    ),
    systemd: exists("/run/systemd/system"),
    filesystems: lines(read("/proc/filesystems")).map((line) =>
      line.split("\t").at(-1)!
    ),
    modules: readModules(kernel),
    loopControl: exists("/dev/loop-control"),
    kvm: exists("/dev/kvm"),
    seccomp: exists("/proc/sys/kernel/seccomp/actions_avail")
      ? words(read("/proc/sys/kernel/seccomp/actions_avail"))
      : null,
    seccompFiltered: field("Seccomp") === "2",
    keyrings: readNumber("/proc/sys/kernel/keys/maxkeys") !== null,
    landlock: glibc === null ? "unknown" : landlockVersion(),
    apparmor: read("/sys/module/apparmor/parameters/enabled")?.trim() === "Y",
    label: read("/proc/self/attr/current")?.replace(/[\0\n]+$/, "") || null,
    selinux: readSelinux(),
    stateBase: readStateBase(
      stateDirectory,
      glibc === null ? () => false : mayWrite,
    ),
    forwards: readNumber("/proc/sys/net/ipv4/ip_forward") === null
      ? null
      : readNumber("/proc/sys/net/ipv4/ip_forward") !== 0,
    forwardPolicies: glibc === null ? null : forwardPolicies(readLegacy()),
    programs: { nft: findProgram("nft"), ip: findProgram("ip") },
    packager: PACKAGERS.find((name) => findProgram(name) !== null) ?? null,
  };
}

/** The rules of an iptables that nf_tables does not show; null if there are none. */
function readLegacy(): string | null {
  if (!words(read("/proc/net/ip_tables_names")).includes("filter")) return null;
  const program = findProgram("iptables-legacy");
  if (program === null) return null;
  const { success, stdout } = new Deno.Command(program, {
    args: ["-S"],
    stdin: "null",
    stderr: "null",
  }).outputSync();
  return success ? new TextDecoder().decode(stdout) : null;
}

function readGlibc(): string | null {
  try {
    return libcVersion();
  } catch (error) {
    if (error instanceof LibcError) return null;
    throw error;
  }
}

function readNames(path: string): string[] {
  try {
    return Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
  } catch {
    return [];
  }
}

function readLimits(): Partial<Record<string, number>> {
  const found: Partial<Record<string, number>> = {};
  for (const name of LIMITS) {
    const limit = readNumber(`/proc/sys/user/max_${name}_namespaces`);
    if (limit !== null) found[name] = limit;
  }
  return found;
}

/**
 * The kind of container this process runs in. Marker files alone are
 * misleading, because a virtual machine made from a docker image has them too.
 * The initial namespaces of the kernel have fixed inode numbers.
 */
function readInside(): string | null {
  const first = Object.entries(FIRST_NAMESPACES).every(([name, inode]) =>
    readLink(`/proc/self/ns/${name}`) === `${name}:[${inode}]`
  );
  if (first) return null;
  if (exists("/run/.containerenv")) return "podman";
  if (exists("/.dockerenv")) return "docker";
  return read("/run/systemd/container")?.trim() || variable("container") ||
    "nameless";
}

function readLink(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return null;
  }
}

/**
 * Finds a program. It also searches sbin, which is often not in a user's PATH.
 */
function findProgram(name: string): string | null {
  const path = variable("PATH") ?? "";
  const dirs = [...path.split(":"), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
  for (const dir of dirs) {
    if (!dir.startsWith("/")) continue;
    try {
      const { isFile, mode } = Deno.statSync(`${dir}/${name}`);
      if (isFile && (mode ?? 0) & 0o111) return `${dir}/${name}`;
    } catch {
      // Try the next directory.
    }
  }
  return null;
}

function findIdTool(name: string): IdTool | null {
  const path = findProgram(name);
  if (path === null) return null;
  const { mode, uid } = Deno.statSync(path);
  if ((mode ?? 0) & SETUID && uid === 0) return { path, right: "setuid" };
  return {
    path,
    right: hasAttribute(path, "security.capability") ? "capability" : null,
  };
}

/**
 * Creates the namespaces for real, because sysctls do not show everything that
 * the kernel checks.
 */
function tryNamespaces(asUser: boolean): Facts["tried"] {
  const program = findProgram("unshare");
  if (program === null) return null;
  const args = ["--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc"];
  if (asUser) args.unshift("--user", "--map-root-user");
  const { success, stderr } = new Deno.Command(program, {
    args: [...args, "true"],
    env: { LC_ALL: "C" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  const said = new TextDecoder().decode(stderr).trim().split("\n")[0] ?? "";
  return { ok: success, said: said.replace(/^.*unshare: /, ""), asUser };
}

/** Parses the lines of subuid(5). */
export function parseRanges(text: string | null): IdRange[] {
  return lines(text).flatMap((line) => {
    const [, owner, start, count] = line.match(/^([^:#]+):(\d+):(\d+)\s*$/) ??
      [];
    if (owner === undefined) return [];
    return [{ owner, start: Number(start), count: Number(count) }];
  });
}

function readModules(kernel: string): string[] {
  const names = new Set<string>();
  for (const list of MODULE_LISTS) {
    const text = read(`/lib/modules/${kernel}/${list}`) ?? "";
    for (const [, name] of text.matchAll(/([^/\n]+)\.ko[.a-z]*(?::|$)/gm)) {
      names.add(name!.replaceAll("-", "_"));
    }
  }
  return [...names];
}

function readSelinux(): Facts["selinux"] {
  const enforce = readNumber("/sys/fs/selinux/enforce");
  return enforce === null ? null : enforce ? "enforcing" : "permissive";
}

function readStateBase(
  stateDirectory: () => string,
  writable: (path: string) => boolean,
): Facts["stateBase"] {
  let directory: string;
  try {
    directory = stateDirectory();
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    return { problem: error.message, fix: error.hint };
  }
  // It is created when it is first needed, with those above it.
  let path = directory;
  let missing: string | null = null;
  while (!exists(path)) [missing, path] = [path, dirname(path)];
  if (!Deno.statSync(path).isDirectory) {
    return {
      problem: `${path} is not a directory`,
      fix: `rm ${path}  # or name a directory with --root or XDG_RUNTIME_DIR`,
    };
  }
  return { directory, path, missing, writable: writable(path) };
}

function readCgroups(
  mountinfo: string,
  uid: number,
  writable: (path: string) => boolean,
): CgroupFacts {
  const mounts = parseMountinfo(mountinfo);
  const v2At = (path: string) => ({
    path,
    controllers: words(read(`${path}/cgroup.controllers`)),
    writable: writable(path) && writable(`${path}/cgroup.procs`),
  });
  const unified = mounts.findLast(({ type }) => type === "cgroup2");
  const own = read("/proc/self/cgroup")?.match(/^0::(\/.*)$/m)?.[1] ?? "/";
  const service = `/user.slice/user-${uid}.slice/user@${uid}.service`;
  const branches = unified === undefined ? [] : [own, service]
    .filter((path) => path !== "/")
    .map((path) => v2At(below(unified, path)));
  return {
    v1: mounts.flatMap((mount) => {
      const controllers = v1Controllers(mount);
      const path = mount.target;
      return controllers.length
        ? [{ controllers, path, writable: writable(path) }]
        : [];
    }),
    v2: unified === undefined ? null : v2At(unified.target),
    delegated: branches.find((branch) => branch.writable) ?? null,
  };
}
