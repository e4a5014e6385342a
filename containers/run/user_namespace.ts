/**
 * Carries out a program as root of a user namespace: what a user's store of
 * images needs, because the files in it belong to the user's own ID and to
 * those of subuid(5). Runs on the host, in the process the user started, which
 * waits for the program.
 */

import { environment } from "../../ffi/environment.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { runParent } from "../../launch/attend/parent.ts";
import { checkParent, deathSignal } from "../../plan/child.ts";
import { candidates } from "../../plan/process/candidates.ts";
import { defaultSignals } from "../../plan/process/process.ts";
import type { Plan, Step } from "../../plan/step.ts";
import type { IdMaps } from "../decide/id_ranges.ts";
import { isInteractive } from "../decide/terminal.ts";
import { THIS_MACHINE } from "../world/real_world.ts";

/** A user namespace: a new one with these IDs, or that of a process. */
export type Namespace = IdMaps | { pid: number };

/** The steps into a new namespace, or into that of a process. */
const enter = (namespace: Namespace): Step[] =>
  "pid" in namespace
    ? [
      {
        step: "joinNamespaces",
        namespaces: [{ type: "user", path: `/proc/${namespace.pid}/ns/user` }],
        why:
          "root of the container's user namespace may enter its root directory, and change the owners of its files",
        man: "setns(2), user_namespaces(7)",
      },
      {
        step: "clone",
        namespaces: [],
        why: "the program is a process of its own",
        man: "clone(2)",
      },
    ]
    : [{
      step: "clone",
      namespaces: ["user", "mount"],
      why:
        "root of this namespace may change the owners of the user's files, and mount what only this program sees",
      man: "clone(2), user_namespaces(7)",
    }];

/** The plan of such a program. */
export function namespacePlan(
  namespace: Namespace,
  { argv, env, foreground, file }: {
    argv: readonly string[];
    env: readonly string[];
    foreground: boolean;
    /** The descriptor of the program, if it is not to be found by its path. */
    file?: number;
  },
): Plan {
  return {
    init: false,
    host: "pid" in namespace ? [] : [{
      step: "mapIds",
      uids: namespace.uids,
      gids: namespace.gids,
      helper: namespace.helper,
      // newgidmap(1) maps several groups, and then setgroups(2) is allowed.
      denySetgroups: !namespace.helper,
      why:
        "the owners of an image's files are the user's own ID and those of /etc/subuid",
      man: "user_namespaces(7), newuidmap(1)",
      undo: "kernel",
    }],
    launch: [
      ...enter(namespace),
      ...deathSignal,
      {
        step: "waitForParent",
        why: "the parent maps the IDs first",
        man: "read(2)",
      },
      ...checkParent,
    ],
    container: [],
    process: [
      ...foreground
        ? [
          {
            step: "setSignalMask",
            blocked: ["SIGTTOU"],
            why: "a background process that takes the terminal is stopped",
            man: "sigprocmask(2), tcsetpgrp(3)",
          } as const,
        ]
        : [],
      {
        step: "setProcessGroup",
        foreground,
        why: "Ctrl-C reaches the program only once: the parent forwards it",
        man: "setpgid(2), tcsetpgrp(3)",
      },
      defaultSignals,
      {
        step: "setSignalMask",
        blocked: [],
        why: "the program blocks no signal",
        man: "sigprocmask(2)",
      },
      {
        step: "closeDescriptors",
        from: file === undefined ? 3 : file + 1,
        why: "the program inherits its standard streams only",
        man: "close_range(2)",
      },
      {
        step: "execute",
        candidates: file === undefined
          ? candidates(argv[0] ?? "", env)
          : [`/proc/self/fd/${file}`],
        argv,
        env,
        why: "the program, as root of the namespace",
        man: "execve(2)",
      },
    ],
    cleanup: [],
  };
}

/**
 * Starts a program as root of a user namespace and waits for its end. It has
 * this process's environment, working directory and standard streams; it gets
 * the signals that this process gets, and ends with it.
 *
 * @returns its status; 128+n if signal n killed it
 * @throws {ContainerError} if the IDs cannot be mapped, {CommandError} if the
 * program cannot be executed
 */
export async function runInUserNamespace(
  namespace: Namespace,
  argv: readonly string[],
): Promise<number> {
  const foreground = isInteractive(THIS_MACHINE);
  const env = Object.entries(environment()).map(([name, value]) =>
    `${name}=${value}`
  );
  const plan = namespacePlan(namespace, { argv, env, foreground });
  using host = new HostPhase(plan.host, null);
  await host.prepare();
  return await runParent(
    {
      plan,
      debug: false,
      preserve: 0,
      foreground,
      mounts: {},
      terminal: false,
    },
    host,
    { root: "/", started() {} },
  );
}
