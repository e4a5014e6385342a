/**
 * The user's process: the last steps before its execve, in the process that
 * becomes the command. Everything that is still open or set here would be
 * passed on to the command. Each right is given up directly after its last use.
 */

import type { Spec } from "../../spec/types.ts";
import { limitCapabilities, setCapabilities } from "./capabilities.ts";
import { joinCommandCgroup } from "../cgroup.ts";
import { candidates } from "./candidates.ts";
import { tieToParent } from "../child.ts";
import type { ProcessFacts } from "../facts.ts";
import {
  keepCreatorSocket,
  keepHoldDescriptors,
  waitForStart,
} from "../hold.ts";
import { keepListenerSocket, type KeptDescriptors } from "./learning.ts";
import { forgetAffinity, schedule } from "./schedule.ts";
import { exactly } from "./rlimits.ts";
import { lateOomScore } from "./oom_score.ts";
import { serve } from "./serve.ts";
import type { Step } from "../step.ts";
import { makeSession, takeOwnTerminal } from "./terminal.ts";

/** Stops ignoring the signals that the caller, Deno and the C library ignore. */
export const defaultSignals: Step = {
  step: "defaultSignals",
  why:
    "an ignored signal stays ignored after execve: SIGPIPE by Deno, two signals by the C library, and those of the caller, such as a shell's for background jobs",
  man: "sigaction(2), signal(7)",
};

/** Limits and settings of the process, which do not depend on its user. */
function limits(spec: Spec, facts: ProcessFacts): Step[] {
  const { rlimits = [], user: { umask }, scheduling } = spec.process;
  return [
    ...rlimits.map((limit): Step => ({
      step: "setRlimit",
      ...exactly(limit),
      why: "the maximum of this resource that the kernel gives the command",
      man: "setrlimit(2)",
    })),
    ...lateOomScore(spec, facts),
    ...(scheduling?.nice === undefined ? [] : [
      {
        step: "setNice",
        nice: scheduling.nice,
        why: "the command's share of CPU time relative to other processes",
        man: "setpriority(2)",
      } as const,
    ]),
    ...(scheduling?.cpus === undefined ? [] : [
      {
        step: "setAffinity",
        cpus: scheduling.cpus,
        why: "the CPUs that the command can run on",
        man: "sched_setaffinity(2)",
      } as const,
    ]),
    ...schedule(spec),
    ...(spec.linux.personality
      ? [
        {
          step: "setPersonality",
          ...spec.linux.personality,
          why: "the architecture that the kernel reports, as uname -m shows",
          man: "personality(2)",
        } as const,
      ]
      : []),
    ...(umask === undefined ? [] : [
      {
        step: "setUmask",
        mask: umask,
        why: "the permission bits that new files do not get",
        man: "umask(2)",
      } as const,
    ]),
  ];
}

function identity(spec: Spec, facts: ProcessFacts): Step[] {
  const { user, apparmorProfile, selinuxLabel } = spec.process;
  return [
    ...(apparmorProfile
      ? [
        {
          step: "setLabel",
          kind: "apparmor",
          label: apparmorProfile,
          why:
            "the AppArmor profile that confines the command from its execve on",
          man: "apparmor(7)",
        } as const,
      ]
      : []),
    ...(selinuxLabel
      ? [
        {
          step: "setLabel",
          kind: "selinux",
          label: selinuxLabel,
          why:
            "the SELinux context that confines the command from its execve on",
          man: "selinux(8)",
        } as const,
      ]
      : []),
    {
      step: "setIds",
      uid: user.uid,
      gid: user.gid,
      groups: facts.denySetgroups ? null : user.additionalGids ?? [],
      why: facts.denySetgroups
        ? "the user that the command runs as; supplementary groups stay, because an unprivileged user namespace cannot drop them"
        : "the user that the command runs as, without the caller's supplementary groups",
      man: "setresuid(2), setgroups(2)",
    },
  ];
}

/** Turns a bare process inside the container into the user's command. */
export function startProcess(spec: Spec, facts: ProcessFacts): Step[] {
  const { cwd, noNewPrivileges } = spec.process;
  const listener = keepListenerSocket(spec, facts);
  const seccomp = [...filterCalls(spec, facts), ...listener.filtered];
  const { landlock = [] } = facts;
  const wait = facts.waits ? waitForStart(spec, facts) : [];
  // An agent gets the filter's listener from the creating command, so the
  // filter is installed before the wait.
  const late = facts.seccomp?.notifies ? 1 : wait.length;
  const open = facts.waits
    ? keepHoldDescriptors(spec)
    : facts.outlives || facts.reports || facts.serves === "idle"
    ? keepCreatorSocket(spec)
    : listener;
  return [
    ...joinCommandCgroup(facts),
    ...forgetAffinity(spec, facts),
    ...open.first,
    ...ownSession(spec, facts),
    ...giveStreams(spec, facts),
    defaultSignals,
    ...limits(spec, facts),
    UNBLOCK_SIGNALS,
    ...enterEarly(cwd),
    ...limitCapabilities(spec, facts),
    ...identity(spec, facts),
    ...setCapabilities(spec, facts),
    ...(facts.init ? [] : tieToParent(facts)),
    ...closeFiles(spec, open),
    enterDirectory(cwd),
    {
      step: "checkDirectory",
      why:
        "a working directory outside the root would lead out of the container; getcwd shows it",
      man: "getcwd(3)",
    },
    ...wait.slice(0, late),
    ...(noNewPrivileges
      ? [
        {
          step: "setNoNewPrivileges",
          why:
            "setuid files and file capabilities do not grant the command further privileges",
          man: "prctl(2) PR_SET_NO_NEW_PRIVS",
        } as const,
      ]
      : []),
    ...landlock,
    ...seccomp,
    ...wait.slice(late),
    ...(facts.serves
      ? serve(spec, facts.serves)
      : [executeCommand(spec, facts)]),
  ];
}

function executeCommand(spec: Spec, facts: ProcessFacts): Step {
  const { args } = spec.process;
  const env = environmentOf(spec, facts);
  return {
    step: "execute",
    candidates: candidates(args[0] ?? "", env),
    argv: args,
    env,
    why: args[0]?.includes("/")
      ? "the command, inside the container's root"
      : "the command, found in the container's PATH inside its root",
    man: "execve(2)",
  };
}

const UNBLOCK_SIGNALS: Step = {
  step: "setSignalMask",
  blocked: [],
  why:
    "PID 1 blocks the signals that it waits for, the command blocks none: from here on a signal can end this process, even if a file system does not respond",
  man: "sigprocmask(2)",
};

/** The environment, with the HOME that programs expect. */
function environmentOf({ process }: Spec, { home }: ProcessFacts): string[] {
  const { env } = process;
  return home === undefined
    ? env
    : [...env.filter((entry) => !entry.startsWith("HOME=")), `HOME=${home}`];
}

/** Whether every user may enter the directory: the root, where most containers start. */
const isOpen = (cwd: string) => cwd === "/";

function enterEarly(cwd: string): Step[] {
  if (isOpen(cwd)) return [];
  return [{
    step: "changeDirectory",
    path: cwd,
    turn: "first",
    why:
      "the command's user may not have permission to enter its working directory, so root tries first; root may not have permission either, so a refusal is not an error yet",
    man: "chdir(2)",
  }];
}

/**
 * Comes after the descriptors are closed, so the path cannot lead through one
 * of them.
 */
function enterDirectory(cwd: string): Step {
  return {
    step: "changeDirectory",
    path: cwd,
    ...(isOpen(cwd) ? {} : { turn: "second" }),
    why: isOpen(cwd)
      ? "the command's working directory, entered with the command's privileges"
      : "the command's working directory, entered with the command's privileges; a refusal is an error only if root was also refused",
    man: "chdir(2)",
  };
}

function filterCalls({ process }: Spec, { seccomp }: ProcessFacts): Step[] {
  if (!seccomp) return [];
  const { learns, notifies: _, ...filter } = seccomp;
  return [{
    step: "setSeccomp",
    ...filter,
    why: learns
      ? "the filter refuses nothing and reports every system call, to create a profile of the calls that the command needs"
      : `${
        filter.profile === "default"
          ? "the filter refuses system calls to parts of the kernel that no namespace isolates"
          : "the filter allows the system calls of the requested profile"
      }; ${
        process.noNewPrivileges
          ? "it is installed last, because it may forbid the calls of earlier steps"
          : "it is installed last, because it may forbid the calls of earlier steps; without no_new_privs this needs a capability that execve removes"
      }`,
    man: "seccomp(2)",
  }];
}

const LASTING_SESSION: Step = {
  step: "makeSession",
  why:
    "the container outlives the command that creates it, so that command's terminal must not stop it or hang it up",
  man: "setsid(2)",
};

function ownSession(spec: Spec, facts: ProcessFacts): Step[] {
  if (facts.joins && !spec.process.terminal) return [makeSession];
  if (!spec.process.terminal && facts.outlives) return [LASTING_SESSION];
  if (!spec.process.terminal) {
    // The kernel would retry for ever a terminal access that is meant to stop
    // PID 1. Where our program is PID 1, the signal is blocked already.
    const unstoppable: Step[] = facts.foreground && !facts.init
      ? [{
        step: "setSignalMask",
        blocked: ["SIGTTOU"],
        why:
          "a background process that takes the terminal is stopped by SIGTTOU, but PID 1 cannot be stopped",
        man: "sigprocmask(2), tcsetpgrp(3)",
      }]
      : [];
    return [...unstoppable, {
      step: "setProcessGroup",
      foreground: facts.foreground,
      why: facts.foreground
        ? "its own process group, in the terminal's foreground: Ctrl-C and Ctrl-Z reach the command, and only once"
        : "its own process group: a signal to the command's group does not reach PID 1",
      man: facts.foreground ? "setpgid(2), tcsetpgrp(3)" : "setpgid(2)",
    }];
  }
  return takeOwnTerminal(spec, facts);
}

/**
 * Makes the command's user the owner of its streams. `/dev/stdout` leads to the
 * stream's own file, and opening that checks its permissions again. Web servers
 * in images open their logs this way. A file or a terminal of the caller keeps
 * its owner.
 */
function giveStreams({ process }: Spec, facts: ProcessFacts): Step[] {
  const { uid } = process.user;
  if (!uid) return [];
  const terminals = process.terminal ? facts.terminalStreams : [];
  const descriptors = [
    ...terminals.slice(0, 1),
    ...facts.ownStreams.filter((fd) => !terminals.includes(fd)),
  ];
  if (!descriptors.length) return [];
  return [{
    step: "giveStreams",
    descriptors,
    uid,
    why:
      "opening /dev/stdout checks the owner of the stream, so the owner must be the command's user",
    man: "fchown(2)",
  }];
}

function closeFiles(
  spec: Spec,
  { arranged, kept }: Pick<KeptDescriptors, "arranged" | "kept">,
): Step[] {
  const { preserve = 0 } = spec.process;

  return [
    ...(preserve
      ? [
        {
          step: "arrangeDescriptors",
          count: preserve,
          why: "the caller asked to pass these descriptors to the command",
          man: "dup(2)",
        } as const,
      ]
      : []),
    ...arranged,
    {
      step: "closeDescriptors",
      from: 3 + preserve + kept,
      why:
        "the command inherits no open file of the host except its standard streams; closed before chdir, because its path could lead through a descriptor (CVE-2024-21626)",
      man: "close_range(2)",
    },
  ];
}
