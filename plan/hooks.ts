/**
 * Hooks of runtime-spec ("POSIX-platform Hooks") as steps: how a container's
 * first process waits for those of createContainer, and how a hook becomes a
 * process, on the host or inside. Pure.
 */

import type { Hook, NamespaceType, Spec } from "../spec/types.ts";
import { CGROUPS_FROM } from "./cgroup.ts";
import { makeDevices } from "./mounts/devices.ts";
import type { Facts } from "./facts.ts";
import { attachMounts } from "./mounts/mounts.ts";
import { defaultSignals, startProcess } from "./process/process.ts";
import { changeRoot } from "./mounts/root.ts";
import type { Step } from "./step.ts";

/** The points before the root changes at which a configuration has hooks, in their order. */
const hooksBeforeRoot = ({ hooks = {} }: Spec) =>
  (["prestart", "createRuntime", "createContainer"] as const)
    .filter((name) => hooks[name]?.length);

/**
 * The root filesystem with what is mounted on it, as `/`.
 *
 * Hooks of createContainer see it at its path of the host, complete, in the
 * container's mount namespace, and those of prestart and createRuntime may go and
 * look there: so where there are any it is furnished before it becomes the root.
 * The process is in it meanwhile by chroot(2), and paths lead
 * nowhere else than they would later. Who joins the mount namespace by setns(2)
 * comes to its root, the host's tree still.
 */
export function setUpRoot(spec: Spec, facts: Facts): Step[] {
  const change = changeRoot(spec, facts);
  const furnish = [...attachMounts(spec, facts), ...makeDevices(spec, facts)];
  if (!hooksBeforeRoot(spec).length) return [...change, ...furnish];
  return [
    ...change.slice(0, -1),
    {
      step: "visitRoot",
      root: spec.root.path,
      why:
        "these hooks come before the root changes; what is mounted now is mounted inside, and no link of the root filesystem leads out of it",
      man: "open(2) O_PATH, chroot(2)",
    },
    ...furnish,
    {
      step: "waitForHooks",
      why: `the hooks of ${
        hooksBeforeRoot(spec).join(" and ")
      } find the root filesystem furnished, and at its path of the host`,
      man: "write(2), read(2)",
    },
    {
      step: "returnToRoot",
      why: "pivot_root takes the root of the mount namespace",
      man: "fchdir(2), chroot(2)",
    },
    ...change.slice(-1),
  ];
}

/** What a hook has where config.json does not say it. */
export interface HookSurroundings {
  /** The environment of the runtime. */
  env: readonly string[];
  /** Where it starts. */
  directory: string;
}

/** What of a hook's process every hook has: nothing of ours comes along. */
function executeHook(
  { path, args, env }: Hook,
  usual: Pick<HookSurroundings, "env">,
): Step[] {
  return [
    {
      step: "setProcessGroup",
      foreground: false,
      why: "a hook that takes too long is killed with what it has started",
      man: "setpgid(2)",
    },
    {
      step: "closeDescriptors",
      from: 3,
      why: "no open file of ours comes along but the standard streams",
      man: "close_range(2)",
    },
    defaultSignals,
    {
      step: "setSignalMask",
      blocked: [],
      why: "nothing of ours is blocked for it",
      man: "sigprocmask(2)",
    },
    {
      step: "execute",
      candidates: [path],
      argv: argvOf({ path, args }),
      env: env ?? usual.env,
      why: "the hook, by the path that config.json has",
      man: "execve(2)",
    },
  ];
}

const argvOf = ({ path, args }: Pick<Hook, "path" | "args">) =>
  args?.length ? args : [path];

/** A hook in the namespaces of the runtime. */
export const hostHook = (hook: Hook, usual: HookSurroundings): Step[] => [
  {
    step: "changeDirectory",
    path: usual.directory,
    why: "hooks of an engine count on the bundle being where they start",
    man: "chdir(2)",
  },
  ...executeHook(hook, usual),
];

/** A container that a hook is to join, as the host sees it. */
export interface Joined {
  /** Its first process. */
  pid: number;
  /** The namespaces in which it is and we are not. */
  namespaces: readonly NamespaceType[];
  /** In each tree, the file to write "0" to. */
  cgroups: readonly string[];
}

/** `mnt` and its like, as /proc/PID/ns has them. */
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
  { denySetgroups }: Pick<Facts, "denySetgroups">,
): Step[] {
  return [
    ...(cgroups.length
      ? [
        {
          step: "openCgroups",
          files: cgroups,
          from: CGROUPS_FROM,
          why: "the way in: a process in other namespaces may not see it",
          man: "cgroups(7)",
        } as const,
      ]
      : []),
    {
      step: "keepRoot",
      path: `/proc/${pid}/root`,
      why: "the root of the process that waits, whatever is mounted where",
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
          why: "the container's, whose first process waits meanwhile",
          man: "setns(2)",
        } as const,
      ]
      : []),
    {
      step: "clone",
      namespaces: [],
      why: "a PID namespace that was joined takes effect for children only",
      man: "clone(2)",
    },
    ...(cgroups.length
      ? [
        {
          step: "joinCgroups",
          files: cgroups,
          from: CGROUPS_FROM,
          why: "what the hook uses is the container's",
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
          why: "root of the user namespace, with power over what is in it",
          man: "setresuid(2), user_namespaces(7)",
        } as const,
      ]
      : []),
  ];
}

/**
 * A hook of createContainer: in the container's namespaces, with the host's
 * tree as its own mount namespace has it, and with the runtime's rights in them.
 * It starts in the root filesystem, so that what it writes to a relative path
 * does not come to be on the host.
 */
export function createContainerHook(
  hook: Hook,
  joined: Joined,
  facts: Pick<Facts, "denySetgroups">,
  usual: Pick<HookSurroundings, "env">,
): Step[] {
  return [
    ...join(joined, facts),
    {
      step: "enterKeptRoot",
      why:
        "its working directory is the container's root; by a descriptor, since the path may lead through directories that are closed to it",
      man: "fchdir(2)",
    },
    ...executeHook(hook, usual),
  ];
}

/**
 * A hook of startContainer: a program of the root filesystem, which nobody
 * trusts, so it is confined as the user's own process.
 */
export function startContainerHook(
  spec: Spec,
  hook: Hook,
  joined: Joined,
  facts: Facts,
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
      why: "paths are looked up in the container's root",
      man: "fchdir(2), chroot(2)",
    },
    ...startProcess({ ...spec, process }, facts).map((step) =>
      step.step === "execute" ? { ...step, candidates: [hook.path] } : step
    ),
  ];
}
