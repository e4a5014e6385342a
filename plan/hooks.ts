/**
 * Hooks of runtime-spec ("POSIX-platform Hooks") as steps. The container's
 * first process waits for the hooks that run before the root changes. Each hook
 * is a process of its own, on the host or inside, which the walker starts.
 * Pure.
 */

import type { Hook, NamespaceType, Spec } from "../spec/types.ts";
import { CGROUPS_FROM, OPENED_ON_HOST } from "./cgroup.ts";
import { makeDevices } from "./mounts/devices.ts";
import type { Facts, ProcessFacts } from "./facts.ts";
import { attachMounts } from "./mounts/mounts.ts";
import { defaultSignals, startProcess } from "./process/process.ts";
import { changeRoot } from "./mounts/root.ts";
import type { Step } from "./step.ts";

/** The kinds of hooks in a configuration that run before the root changes, in order. */
const hooksBeforeRoot = ({ hooks = {} }: Spec) =>
  (["prestart", "createRuntime", "createContainer"] as const)
    .filter((name) => hooks[name]?.length);

/**
 * Makes the root filesystem `/`, with everything mounted on it.
 *
 * Usually the root changes first. With hooks, the root filesystem is filled
 * before that: createContainer hooks must see it complete, in the container's
 * mount namespace and at its path on the host, and prestart and createRuntime
 * hooks may look at it there. Meanwhile this process is inside it by chroot(2),
 * so paths lead where they will lead later. A process that joins the mount
 * namespace by setns(2) still starts at the host's tree.
 */
export function setUpRoot(spec: Spec, facts: Facts): Step[] {
  const change = changeRoot(spec, facts);
  const fill = [...attachMounts(spec, facts), ...makeDevices(spec, facts)];
  if (!hooksBeforeRoot(spec).length) return [...change, ...fill];
  return [
    ...change.slice(0, -1),
    {
      step: "visitRoot",
      root: spec.root.path,
      why:
        "the hooks run before the root changes; until then chroot keeps every path inside the root filesystem, whatever symbolic links it has",
      man: "open(2) O_PATH, chroot(2)",
    },
    ...fill,
    {
      step: "waitForHooks",
      why: `the hooks of ${
        hooksBeforeRoot(spec).join(" and ")
      } run now: they find the root filesystem complete, at its path on the host`,
      man: "write(2), read(2)",
    },
    {
      step: "returnToRoot",
      why: "pivot_root replaces the root of the mount namespace",
      man: "fchdir(2), chroot(2)",
    },
    ...change.slice(-1),
  ];
}

/** What a hook gets if config.json does not set it. */
export interface HookSurroundings {
  /** The runtime's environment. */
  env: readonly string[];
  /** The directory in which the hook starts. */
  directory: string;
}

/** The last steps of every hook: it inherits nothing from our process. */
function executeHook(
  { path, args, env }: Hook,
  usual: Pick<HookSurroundings, "env">,
): Step[] {
  return [
    {
      step: "setProcessGroup",
      foreground: false,
      why:
        "a hook that takes too long is killed together with the processes it started",
      man: "setpgid(2)",
    },
    {
      step: "closeDescriptors",
      from: 3,
      why: "the hook inherits no open files except the standard streams",
      man: "close_range(2)",
    },
    defaultSignals,
    {
      step: "setSignalMask",
      blocked: [],
      why: "the hook starts with no signal blocked",
      man: "sigprocmask(2)",
    },
    {
      step: "execute",
      candidates: [path],
      argv: argvOf({ path, args }),
      env: env ?? usual.env,
      why: "the hook, at the path that config.json gives",
      man: "execve(2)",
    },
  ];
}

const argvOf = ({ path, args }: Pick<Hook, "path" | "args">) =>
  args?.length ? args : [path];

/** The steps of a hook that runs in the namespaces of the runtime. */
export const hostHook = (hook: Hook, usual: HookSurroundings): Step[] => [
  {
    step: "changeDirectory",
    path: usual.directory,
    why: "the hooks of engines expect to start in the bundle",
    man: "chdir(2)",
  },
  ...executeHook(hook, usual),
];

/** The container that a hook joins, as the host sees it. */
export interface Joined {
  /** The container's first process. */
  pid: number;
  /** The namespaces in which that process differs from us. */
  namespaces: readonly NamespaceType[];
  /** In each cgroup tree: the file to write "0" to. */
  cgroups: readonly string[];
}

/** The names of namespace types in /proc/PID/ns. */
export const NAMESPACE_FILE: Readonly<Record<NamespaceType, string>> = {
  user: "user",
  pid: "pid",
  mount: "mnt",
  network: "net",
  ipc: "ipc",
  uts: "uts",
  cgroup: "cgroup",
  time: "time",
};

function join(
  { pid, namespaces, cgroups }: Joined,
  { denySetgroups }: Pick<ProcessFacts, "denySetgroups">,
): Step[] {
  return [
    ...(cgroups.length
      ? [
        {
          step: "openCgroups",
          files: cgroups,
          from: CGROUPS_FROM,
          why: OPENED_ON_HOST,
          man: "cgroups(7)",
        } as const,
      ]
      : []),
    {
      step: "keepRoot",
      path: `/proc/${pid}/root`,
      why: "leads to the root of the waiting process, wherever that is mounted",
      man: "proc_pid_root(5)",
    },
    ...(namespaces.length
      ? [
        {
          step: "joinNamespaces",
          namespaces: namespaces.map((type) => ({
            type,
            path: `/proc/${pid}/ns/${NAMESPACE_FILE[type]}`,
          })),
          why:
            "the namespaces of the container, whose first process is waiting",
          man: "setns(2)",
        } as const,
      ]
      : []),
    {
      step: "clone",
      namespaces: [],
      why: "a joined PID namespace applies only to child processes",
      man: "clone(2)",
    },
    ...(cgroups.length
      ? [
        {
          step: "joinCgroups",
          files: cgroups,
          from: CGROUPS_FROM,
          why: "the hook's resource usage counts for the container",
          man: "cgroups(7)",
        } as const,
      ]
      : []),
    ...(namespaces.includes("user")
      ? [
        {
          step: "setIds",
          uid: 0,
          gid: 0,
          groups: denySetgroups ? null : [],
          why: "becomes root of the user namespace, with its capabilities",
          man: "setresuid(2), user_namespaces(7)",
        } as const,
      ]
      : []),
  ];
}

/**
 * The steps of a createContainer hook. It runs in the container's namespaces,
 * with the runtime's rights in them, and sees the host's tree as the
 * container's mount namespace has it. It starts in the root filesystem, so a
 * file that it writes to a relative path is not written to the host.
 */
export function createContainerHook(
  hook: Hook,
  joined: Joined,
  facts: Pick<ProcessFacts, "denySetgroups">,
  usual: Pick<HookSurroundings, "env">,
): Step[] {
  return [
    ...join(joined, facts),
    {
      step: "enterKeptRoot",
      why:
        "the hook starts in the container's root; by descriptor, because it may not have permission to enter the parent directories",
      man: "fchdir(2)",
    },
    ...executeHook(hook, usual),
  ];
}

/**
 * The steps of a startContainer hook. It is a program of the root filesystem,
 * which is not trusted, so it is confined like the user's own process.
 */
export function startContainerHook(
  spec: Spec,
  hook: Hook,
  joined: Joined,
  facts: ProcessFacts,
): Step[] {
  const process = {
    ...spec.process,
    args: [...argvOf(hook)],
    env: hook.env ?? spec.process.env,
    terminal: false,
    preserve: 0,
  };
  return [
    ...join(joined, facts),
    {
      step: "returnToRoot",
      why: "from here on paths are looked up in the container's root",
      man: "fchdir(2), chroot(2)",
    },
    ...startProcess({ ...spec, process }, facts).map((step) =>
      step.step === "execute" ? { ...step, candidates: [hook.path] } : step
    ),
  ];
}
