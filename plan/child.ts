/**
 * The child: our program again, as PID 1 of the container. Here are the steps
 * that create PID 1 (by the walker, between the host and the new namespaces),
 * those that turn it into our program, and those at its end.
 */

import type { Spec } from "../spec/types.ts";
import {
  CGROUPS_FROM,
  enterCgroups,
  joinFiles,
  leaveCgroups,
  openCgroups,
} from "./cgroup.ts";
import { openClosedSources } from "./mounts/closed_sources.ts";
import type { Facts } from "./facts.ts";
import { hostMountsOf, PRESERVED_FROM } from "./mounts/host_mounts.ts";
import { openAsCaller, unmounts } from "./mounts/mounts.ts";
import {
  cloneNamespaces,
  hasNamespace,
  joinNamespaces,
  offsetClocks,
} from "./namespaces.ts";
import { earlyOomScore } from "./process/oom_score.ts";
import { raiseLimits } from "./process/raise_limits.ts";
import type { Step } from "./step.ts";
import { makeSession } from "./process/terminal.ts";

/** Every real-time signal, signal(7), as one word in a list of signals. */
export const REAL_TIME_SIGNALS = "SIGRTMIN…SIGRTMAX";

/**
 * The signals that this program forwards to the command: all that a process can
 * receive, except SIGCHLD, SIGPIPE and SIGURG, as in docker. Those are about
 * the receiver itself: its child, its pipe, its socket.
 */
export const FORWARDED = [
  ...["SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS"],
  ...["SIGFPE", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGALRM", "SIGTERM"],
  ...["SIGSTKFLT", "SIGCONT", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGXCPU"],
  ...["SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR"],
  ...["SIGSYS", REAL_TIME_SIGNALS],
] as const;

/**
 * The signals that the child blocks from its creation and receives one by one.
 * SIGTTIN and SIGTTOU have to be blocked because PID 1 cannot be stopped: the
 * kernel would retry for ever the terminal access that is meant to stop it.
 *
 * SIGPIPE is received and dropped. The kernel does not deliver to PID 1 a
 * signal that has no handler, with one exception: if the first thread blocks
 * the signal and another thread does not, it is fatal. glibc blocks all signals
 * for a moment around each posix_spawn.
 */
export const TAKEN_BY_CHILD = ["SIGCHLD", ...FORWARDED, "SIGPIPE"] as const;

/** PID 1 always inherits the descriptors below this number. */
const INHERITED_BELOW = 7;

export const deathSignal: readonly Step[] = [{
  step: "setParentDeathSignal",
  signal: "SIGKILL",
  why:
    "if the parent dies, even by SIGKILL, the kernel kills the container as well",
  man: "prctl(2), PR_SET_PDEATHSIG",
}];

export const checkParent: readonly Step[] = [{
  step: "checkParent",
  why:
    "the parent may have died before the death signal was set, and getppid() returns 0 in a PID namespace: a pipe shows whether the parent still holds its end",
  man: "ppoll(2)",
}];

/**
 * Ends this process with its parent, unless it outlives us. The
 * kernel clears the death signal when a process changes its user or gains
 * capabilities, so these steps are repeated after that.
 */
export const tieToParent = (
  { outlives }: Pick<Facts, "outlives">,
): readonly Step[] => outlives ? [] : [...deathSignal, ...checkParent];

/** Keeps signals from the keys of the caller's terminal away from PID 1. */
function leaveTerminal(spec: Spec): Step[] {
  if (spec.process.terminal) return [makeSession];
  return [{
    step: "setProcessGroup",
    foreground: false,
    why:
      "leaves the process group of the caller's terminal, so that Ctrl-C reaches the command only once",
    man: "setpgid(2)",
  }];
}

/** Creates PID 1 in its namespaces, with our program or the command as PID 1. */
export function startPidOne(spec: Spec, facts: Facts): Step[] {
  return [
    ...keepWalker(facts),
    ...openCgroups(spec, facts),
    ...earlyOomScore(spec, facts),
    ...raiseLimits(facts),
    ...openClosedSources(spec, facts),
    ...joinNamespaces(spec),
    ...cloneNamespaces(spec, facts),
    ...enterCgroups(spec, facts),
    ...(facts.init
      ? [...leaveTerminal(spec), {
        step: "setSignalMask",
        blocked: [...TAKEN_BY_CHILD],
        why:
          "the kernel drops a signal that PID 1 has no handler for, but a blocked signal waits: this program receives each one when it is ready, and all its threads inherit the mask",
        man: "sigprocmask(2), sigwaitinfo(2)",
      }] as const
      : []),
    ...(facts.outlives ? [] : deathSignal),
    {
      step: "waitForParent",
      why: hasNamespace(spec, "user")
        ? "the parent maps the user IDs first: until then this process runs as nobody"
        : "the parent first records the PID of this process and finishes its work on the host",
      man: "read(2)",
    },
    ...(facts.outlives ? [] : checkParent),
    ...offsetClocks(spec),
    ...(hasNamespace(spec, "user")
      ? [
        ...openAsCaller(spec, facts),
        {
          step: "setIds",
          uid: 0,
          gid: 0,
          groups: facts.denySetgroups ? null : [],
          why:
            "becomes root of the user namespace, now that its IDs are mapped",
          man: "setresuid(2), user_namespaces(7)",
        } as const,
        ...openToCreator(spec, facts),
        ...tieToParent(facts),
      ]
      : []),
    ...leaveCgroups(spec, facts),
  ];
}

/** Opens the walker's program for {@linkcode openToCreator}. */
function keepWalker({ closedToCaller }: Facts): Step[] {
  if (!closedToCaller) return [];
  return [{
    step: "keepWalker",
    why:
      "this program is executed again later, and in a joined mount namespace another program may be at its path",
    man: "open(2) O_PATH, proc_pid_exe(5)",
  }];
}

/**
 * Executes the walker again, inside the user namespace. Who may inspect or join
 * a process depends on the user namespace in which its program was executed,
 * ptrace(2) "Ptrace access mode checking". If a user without CAP_SYS_PTRACE
 * executed it on the host, a non-dumpable process is closed to that user too:
 * `exec` and hooks could not join it.
 */
function openToCreator(spec: Spec, facts: Facts): Step[] {
  if (!facts.closedToCaller) return [];
  return [{
    step: "executeWalker",
    keep: openAsCaller(spec, facts).flatMap((step) =>
      "name" in step ? [step.name] : []
    ),
    why:
      "a program executed here belongs to the user namespace: while it waits, its creator can join it and the container cannot inspect it",
    man: "execveat(2), ptrace(2)",
  }];
}

/** Turns PID 1 from the walker into our program. */
export function becomeChild(spec: Spec, facts: Facts): Step[] {
  const { preserve = 0 } = spec.process;
  const kept: [from: number, count: number][] = [
    [CGROUPS_FROM, joinFiles(facts).length],
    ...[...hostMountsOf(spec, facts).values()].slice(0, 1).map((
      { descriptor },
    ): [number, number] => [descriptor, hostMountsOf(spec, facts).size]),
    [PRESERVED_FROM, preserve],
  ];
  kept.sort(([a], [b]) => a - b);
  const closes: Step[] = [];
  let from = INHERITED_BELOW;
  const close = (from: number, to?: number): Step => ({
    step: "closeDescriptors",
    from,
    ...(to === undefined ? {} : { to }),
    why: "PID 1 inherits only the open files that it needs",
    man: "close_range(2)",
  });
  for (const [first, count] of kept) {
    if (!count) continue;
    closes.push(close(from, first - 1));
    from = first + count;
  }
  return [
    ...closes,
    close(from),
    {
      step: "executeSelf",
      argv: [...facts.self.argv, "child", ...spec.process.args],
      env: facts.self.env,
      why:
        "this program, now inside the namespaces, carries out the other steps",
      man: "execveat(2)",
    },
  ];
}

/** `running [/bin/sh] as 1`, in the format in which Go prints a slice. */
export const announcement = (args: readonly string[], pid: number): string =>
  `running [${args.join(" ")}] as ${pid}\n`;

/** PID 1 announces the command, as its parent has done before. */
export function announceCommand(spec: Spec, { announces }: Facts): Step[] {
  if (!announces) return [];
  return [{
    step: "announce",
    text: announcement(spec.process.args, 1),
    why:
      "shows that this process is PID 1 inside, and another number on the host; --quiet leaves it out",
    man: "write(2)",
  }];
}

/** Done before anything untrusted runs next to this process. */
export const becomeNonDumpable: readonly Step[] = [{
  step: "setDumpable",
  dumpable: false,
  why:
    "prevents access to exe, mem and fd of this process in /proc, through which the container could reach our binary on the host (CVE-2019-5736)",
  man: "prctl(2), PR_SET_DUMPABLE",
}];

/** The steps after the command has ended. */
export function endChild(spec: Spec): Step[] {
  return [{
    step: "killAll",
    why: "processes that the command left running are killed and reaped",
    man: "kill(2), wait4(2)",
  }, ...unmounts(spec)];
}
