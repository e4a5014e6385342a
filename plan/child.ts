/**
 * The child: our own program again, as PID 1 of the container. These are the
 * steps that get it there and the ones it ends with.
 */

import type { Spec } from "../spec/types.ts";
import {
  CGROUPS_FROM,
  enterCgroups,
  leaveCgroups,
  openCgroups,
  waysIn,
} from "./cgroup.ts";
import { openClosedSources } from "./mounts/closed_sources.ts";
import type { Facts } from "./facts.ts";
import { hostMountsOf, PRESERVED_FROM } from "./mounts/host_mounts.ts";
import { openAsCaller, unmounts } from "./mounts/mounts.ts";
import {
  bornNamespaces,
  hasNamespace,
  joinedNamespaces,
  offsetClocks,
} from "./namespaces.ts";
import { earlyOomScore } from "./process/oom_score.ts";
import { raiseLimits } from "./process/raise_limits.ts";
import type { Step } from "./step.ts";
import { makeSession } from "./process/terminal.ts";

/** The signals that are passed on to the command. */
export const FORWARDED = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGCONT",
  "SIGTSTP",
] as const;

/** Every real-time signal, signal(7), as one word of a set. */
export const REAL_TIME_SIGNALS = "SIGRTMIN…SIGRTMAX";

/**
 * What the child blocks from birth and takes one by one. SIGSTKFLT is the
 * parent's word that the command is to have the terminal again. SIGTTIN and SIGTTOU
 * are in it because PID 1 cannot be stopped: a write to a terminal that wants
 * to stop it would be tried for ever. The last ones it takes and drops. The
 * kernel spares PID 1 what it has no handler for, but not when its first thread
 * blocks a signal that another thread does not: then the signal is fatal, and
 * glibc blocks all of them for a moment around each posix_spawn.
 */
export const TAKEN_BY_CHILD = [
  "SIGCHLD",
  ...FORWARDED,
  "SIGSTKFLT",
  "SIGTTIN",
  "SIGTTOU",
  "SIGPIPE",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  "SIGPWR",
  REAL_TIME_SIGNALS,
] as const;

/** Below this number is what PID 1 is always given by its parent. */
const GIVEN = 7;

export const deathSignal: readonly Step[] = [{
  step: "setParentDeathSignal",
  signal: "SIGKILL",
  why: "when the parent dies, even by SIGKILL, the container dies with it",
  man: "prctl(2), PR_SET_PDEATHSIG",
}];

export const check: readonly Step[] = [{
  step: "checkParent",
  why:
    "a parent that died before the death signal was set would not be noticed, and getppid is 0 in here: its end of this pipe tells",
  man: "ppoll(2)",
}];

/** Tied to the parent's life. Whoever changes user or capabilities loses the tie and makes it again. */
export const tieToParent: readonly Step[] = [...deathSignal, ...check];

/** Out of the reach of the caller's terminal and its keys. */
function leaveTerminal(spec: Spec): Step[] {
  if (spec.process.terminal) return [makeSession];
  return [{
    step: "setProcessGroup",
    foreground: false,
    why:
      "out of the terminal's process group: a Ctrl-C reaches the command by one way only",
    man: "setpgid(2)",
  }];
}
/** The tie of a container that is to end with us. */
export const tie = ({ held, joins }: Facts): readonly Step[] =>
  held || joins?.detached ? [] : tieToParent;

/** The beginning that both modes have: a new process in new namespaces. */
export function startPidOne(spec: Spec, facts: Facts): Step[] {
  return [
    ...keepWalker(facts),
    ...openCgroups(spec, facts),
    ...earlyOomScore(spec, facts),
    ...raiseLimits(facts),
    ...openClosedSources(spec, facts),
    ...joinedNamespaces(spec),
    ...bornNamespaces(spec, facts),
    ...enterCgroups(spec, facts),
    ...(facts.init
      ? [...leaveTerminal(spec), {
        step: "setSignalMask",
        blocked: [...TAKEN_BY_CHILD],
        why:
          "PID 1 ignores what it has no handler for, but what is blocked waits: our program takes each signal when it is ready, and all of its threads inherit this",
        man: "sigprocmask(2), sigwaitinfo(2)",
      }] as const
      : []),
    ...(facts.held ? [] : deathSignal),
    {
      step: "waitForParent",
      why: hasNamespace(spec, "user")
        ? "the parent maps the user ids: until then this process is nobody"
        : "until the parent has the number of the new process, and has done its part on the host",
      man: "read(2)",
    },
    ...(facts.held ? [] : check),
    ...offsetClocks(spec),
    ...(hasNamespace(spec, "user")
      ? [
        ...openAsCaller(spec, facts),
        {
          step: "setIds",
          uid: 0,
          gid: 0,
          groups: facts.denySetgroups ? null : [],
          why: "root of the user namespace, now that its ids are mapped",
          man: "setresuid(2), user_namespaces(7)",
        } as const,
        ...openToCreator(spec, facts),
        ...tie(facts),
      ]
      : []),
    ...leaveCgroups(spec, facts),
  ];
}

/** For {@linkcode openToCreator}. */
function keepWalker({ closedToCaller }: Facts): Step[] {
  if (!closedToCaller) return [];
  return [{
    step: "keepWalker",
    why:
      "it is executed again, and in a mount namespace that is joined somebody else's program may be at its path",
    man: "open(2) O_PATH, proc_pid_exe(5)",
  }];
}

/**
 * Whose process may be looked into, and joined, goes by the user namespace that
 * its program was executed in, ptrace(2) "Ptrace access mode checking". Of one
 * that a user without CAP_SYS_PTRACE executed on the host, non-dumpable closes it
 * to that user too: `exec` and hooks could not join it.
 */
function openToCreator(spec: Spec, facts: Facts): Step[] {
  if (!facts.closedToCaller) return [];
  return [{
    step: "executeWalker",
    keep: openAsCaller(spec, facts).flatMap((step) =>
      "name" in step ? [step.name] : []
    ),
    why:
      "a program executed in here is the user namespace's: while it waits, it is closed to the container and open to who made that",
    man: "execveat(2), ptrace(2)",
  }];
}

/** From PID 1 to our own program. */
export function becomeChild(spec: Spec, facts: Facts): Step[] {
  const { preserve = 0 } = spec.process;
  const kept: [from: number, count: number][] = [
    [CGROUPS_FROM, waysIn(facts).length],
    ...[...hostMountsOf(spec, facts).values()].slice(0, 1).map((
      { descriptor },
    ): [number, number] => [descriptor, hostMountsOf(spec, facts).size]),
    [PRESERVED_FROM, preserve],
  ];
  kept.sort(([a], [b]) => a - b);
  const closes: Step[] = [];
  let from = GIVEN;
  const close = (from: number, to?: number): Step => ({
    step: "closeDescriptors",
    from,
    ...(to === undefined ? {} : { to }),
    why: "no open file of the host is inherited but what PID 1 is given",
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
      why: "this program again, now inside, to do the rest",
      man: "execveat(2)",
    },
  ];
}

/** Before anything untrusted runs beside the child. */
export const protect: readonly Step[] = [{
  step: "setDumpable",
  dumpable: false,
  why:
    "closes /proc/1/exe, mem and fd to the container: no way to our binary on the host (CVE-2019-5736)",
  man: "prctl(2), PR_SET_DUMPABLE",
}];

/** Once the command has ended. */
export function endChild(spec: Spec): Step[] {
  return [{
    step: "killAll",
    why: "what the command left running ends with it, and is reaped",
    man: "kill(2), wait4(2)",
  }, ...unmounts(spec)];
}
