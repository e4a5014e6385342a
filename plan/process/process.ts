/**
 * The user's process: the last steps before its execve, in the process that
 * becomes it. Whatever of ours is still open or set here, the user would get;
 * each right is given up after its last use and before its first abuse.
 */

import type { Spec } from "../../spec/types.ts";
import { limitCapabilities, setCapabilities } from "./capabilities.ts";
import { limitCommand } from "../cgroup.ts";
import { candidates } from "./candidates.ts";
import { tie } from "../child.ts";
import type { Facts } from "../facts.ts";
import { hold, holding, watching } from "../hold.ts";
import { type Learning, learning } from "./learning.ts";
import { forgetAffinity, schedule } from "./schedule.ts";
import { lateOomScore } from "./oom_score.ts";
import type { Step } from "../step.ts";
import { makeSession, takeOwnTerminal } from "./terminal.ts";

/** Where a bundle says none: that of the engine's service is not the container's. */
const USUAL_UMASK = 0o022;

/** Before a command or a hook: what a caller, Deno and the C library ignore, execve keeps. */
export const defaultSignals: Step = {
  step: "defaultSignals",
  why:
    "execve keeps what is ignored: SIGPIPE by Deno, two signals by the C library, and what the caller ignores, as a shell does for what it starts in the background",
  man: "sigaction(2), signal(7)",
};

/** What stays its own however privileged it is. */
function limits(spec: Spec, facts: Facts): Step[] {
  const { rlimits = [], user, scheduling } = spec.process;
  const { umask = facts.isBundle ? USUAL_UMASK : undefined } = user;
  return [
    ...rlimits.map((limit): Step => ({
      step: "setRlimit",
      ...limit,
      why: "the most of it that the kernel gives to the command",
      man: "setrlimit(2)",
    })),
    ...lateOomScore(spec, facts),
    ...(scheduling?.nice === undefined ? [] : [
      {
        step: "setNice",
        nice: scheduling.nice,
        why: "its share of the processors beside others",
        man: "setpriority(2)",
      } as const,
    ]),
    ...(scheduling?.cpus === undefined ? [] : [
      {
        step: "setAffinity",
        cpus: scheduling.cpus,
        why: "the processors that the command may run on",
        man: "sched_setaffinity(2)",
      } as const,
    ]),
    ...schedule(spec),
    ...(spec.linux.personality
      ? [
        {
          step: "setPersonality",
          ...spec.linux.personality,
          why:
            "the kind of Linux that the kernel claims to be, as uname -m shows",
          man: "personality(2)",
        } as const,
      ]
      : []),
    ...(umask === undefined ? [] : [
      {
        step: "setUmask",
        mask: umask,
        why: "what a new file's permissions lack",
        man: "umask(2)",
      } as const,
    ]),
  ];
}

function identity(spec: Spec, facts: Facts): Step[] {
  const { user, apparmorProfile, selinuxLabel } = spec.process;
  return [
    ...(apparmorProfile
      ? [
        {
          step: "setLabel",
          kind: "apparmor",
          label: apparmorProfile,
          why: "the profile that confines the command from its execve on",
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
          why: "the context that confines the command from its execve on",
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
        ? "the user it runs as; the supplementary groups stay, since an unprivileged user namespace may not drop them"
        : "the user it runs as, and no supplementary group of whoever started it",
      man: "setresuid(2), setgroups(2)",
    },
  ];
}

/** From a bare process inside the container to the user's command. */
export function startProcess(spec: Spec, facts: Facts): Step[] {
  const { args, env, cwd, noNewPrivileges } = spec.process;
  const learn = learning(spec, facts);
  const seccomp = [...filterCalls(spec, facts), ...learn.filtered];
  const { landlock = [] } = facts;
  const held = facts.held ? hold(spec, facts) : [];
  // The agent that a filter asks is told by the command that creates.
  const late = facts.seccomp?.notifies ? 1 : held.length;
  const open = facts.held
    ? holding(spec)
    : facts.joins?.detached
    ? watching(spec)
    : learn;
  return [
    ...limitCommand(facts),
    ...forgetAffinity(spec, facts),
    ...open.first,
    ...ownSession(spec, facts),
    ...giveStreams(spec, facts),
    defaultSignals,
    ...limits(spec, facts),
    RECEIVE_SIGNALS,
    ...enterEarly(cwd),
    ...limitCapabilities(spec, facts),
    ...identity(spec, facts),
    ...setCapabilities(spec, facts),
    ...(facts.init ? [] : tie(facts)),
    ...closeFiles(spec, open),
    enterDirectory(cwd),
    {
      step: "checkDirectory",
      why: "getcwd(2) names no directory outside the root",
      man: "getcwd(3)",
    },
    ...held.slice(0, late),
    ...(noNewPrivileges
      ? [
        {
          step: "setNoNewPrivileges",
          why: "no setuid file gives it more than it has",
          man: "prctl(2) PR_SET_NO_NEW_PRIVS",
        } as const,
      ]
      : []),
    ...landlock,
    ...seccomp,
    ...held.slice(late),
    {
      step: "execute",
      candidates: candidates(args[0] ?? "", env),
      argv: args,
      env,
      why: args[0]?.includes("/")
        ? "the command, inside the container's root"
        : "the command, looked up on the container's PATH inside its root",
      man: "execve(2)",
    },
  ];
}

const RECEIVE_SIGNALS: Step = {
  step: "setSignalMask",
  blocked: [],
  why:
    "PID 1 blocks the signals it waits for; the command blocks none, and from here on not even a file system that does not answer keeps it from being ended",
  man: "sigprocmask(2)",
};

/** Every user may enter the root; most containers start there. */
const isOpen = (cwd: string) => cwd === "/";

function enterEarly(cwd: string): Step[] {
  if (isOpen(cwd)) return [];
  return [{
    step: "changeDirectory",
    path: cwd,
    turn: "first",
    why:
      "where the command starts may be closed to its user: entered while this is root. It may also be closed to root, so a refusal is not the end",
    man: "chdir(2)",
  }];
}

/** After the descriptors are closed: no working directory hides in one. */
function enterDirectory(cwd: string): Step {
  return {
    step: "changeDirectory",
    path: cwd,
    ...(isOpen(cwd) ? {} : { turn: "second" }),
    why: isOpen(cwd)
      ? "where the command starts, entered with the rights it will have"
      : "where the command starts, entered with the rights it will have; a refusal counts only if root was refused, too",
    man: "chdir(2)",
  };
}

function filterCalls({ process }: Spec, { seccomp }: Facts): Step[] {
  if (!seccomp) return [];
  const { learns, notifies: _, ...filter } = seccomp;
  return [{
    step: "setSeccomp",
    ...filter,
    why: learns
      ? "it refuses nothing, and reports every system call: a profile of those that the command needs comes of it"
      : `${
        filter.profile === "default"
          ? "the system calls it may make: those that reach into the kernel where no namespace holds are refused"
          : "the system calls it may make, by the profile that was asked for"
      }; ${
        process.noNewPrivileges
          ? "last, since it may forbid the steps before it"
          : "last, since it may forbid the steps before it; without no_new_privs this takes a right that execve takes away"
      }`,
    man: "seccomp(2)",
  }];
}

const HELD_SESSION: Step = {
  step: "makeSession",
  why:
    "it outlives who creates it: no terminal of theirs stops it or hangs it up",
  man: "setsid(2)",
};

function ownSession(spec: Spec, facts: Facts): Step[] {
  if (!spec.process.terminal && facts.held) return [HELD_SESSION];
  if (facts.joins && !spec.process.terminal) return [makeSession];
  if (!spec.process.terminal) {
    // PID 1 cannot be stopped, and what wants to stop it would be tried for
    // ever; where our program is PID 1, this is blocked already.
    const unstoppable: Step[] = facts.foreground && !facts.init
      ? [{
        step: "setSignalMask",
        blocked: ["SIGTTOU"],
        why:
          "who takes a terminal from the background is stopped by it, and PID 1 cannot be stopped",
        man: "sigprocmask(2), tcsetpgrp(3)",
      }]
      : [];
    return [...unstoppable, {
      step: "setProcessGroup",
      foreground: facts.foreground,
      why: facts.foreground
        ? "a process group of its own, and the one the terminal's Ctrl-C and Ctrl-Z go to: they arrive once, at the command"
        : "a process group of its own, so that a signal for the command is not one for PID 1",
      man: facts.foreground ? "setpgid(2), tcsetpgrp(3)" : "setpgid(2)",
    }];
  }
  return takeOwnTerminal(spec, facts);
}

/**
 * `/dev/stdout` leads to the stream's own file, and opening that asks for its
 * permissions again: web servers of images do so with their logs. A file or a
 * terminal of the caller's stays the caller's.
 */
function giveStreams({ process }: Spec, facts: Facts): Step[] {
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
      "the user the command runs as may open /dev/stdout, which asks who owns what it leads to",
    man: "fchown(2)",
  }];
}

function closeFiles(
  spec: Spec,
  { arranged, kept }: Pick<Learning, "arranged" | "kept">,
): Step[] {
  const { preserve = 0 } = spec.process;

  return [
    ...(preserve
      ? [
        {
          step: "arrangeDescriptors",
          count: preserve,
          why: "these are given to the command on purpose",
          man: "dup(2)",
        } as const,
      ]
      : []),
    ...arranged,
    {
      step: "closeDescriptors",
      from: 3 + preserve + kept,
      why:
        "no open file of the host comes along but the standard streams; before chdir, so that no working directory hides in one (CVE-2024-21626)",
      man: "close_range(2)",
    },
  ];
}
