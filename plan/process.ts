/**
 * The user's process: the last steps before its execve, in the process that
 * becomes it. Whatever of ours is still open or set here, the user would get.
 */

import type { Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import type { Step } from "./step.ts";

/** The search path when the environment has none, execvp(3). */
const DEFAULT_PATH = "/bin:/usr/bin";

/** Every path that may hold the command, in the order of PATH. */
export function candidates(command: string, env: readonly string[]): string[] {
  if (command.includes("/")) return [command];
  // Of two settings of PATH the last one counts, as for every variable here.
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice(5);
  return (path || DEFAULT_PATH).split(":").map((directory) =>
    `${directory || "."}/${command}`
  );
}

/** From a bare process inside the container to the user's command. */
export function startProcess(spec: Spec, facts: Facts): Step[] {
  const { args, env, cwd } = spec.process;
  return [{
    step: "setProcessGroup",
    foreground: facts.foreground,
    why: facts.foreground
      ? "a process group of its own, and the one the terminal's Ctrl-C and Ctrl-Z go to: they arrive once, at the command"
      : "a process group of its own, so that a signal for the command is not one for PID 1",
    man: facts.foreground ? "setpgid(2), tcsetpgrp(3)" : "setpgid(2)",
  }, {
    step: "closeDescriptors",
    from: 3,
    why:
      "no open file of the host comes along but the three standard streams; before chdir, so that no working directory hides in one (CVE-2024-21626)",
    man: "close_range(2)",
  }, {
    step: "changeDirectory",
    path: cwd,
    why: "where the command starts",
    man: "chdir(2)",
  }, {
    step: "checkDirectory",
    why: "getcwd(2) names no directory outside the root",
    man: "getcwd(3)",
  }, {
    step: "defaultSignals",
    signals: ["SIGPIPE"],
    why:
      "Deno ignores SIGPIPE and execve keeps what is ignored: `yes | head` would never end",
    man: "sigaction(2), signal(7)",
  }, {
    step: "setSignalMask",
    blocked: [],
    why: "PID 1 blocks the signals it waits for; the command blocks none",
    man: "sigprocmask(2)",
  }, {
    step: "execute",
    candidates: candidates(args[0] ?? "", env),
    argv: args,
    env,
    why: "the command, looked up on the container's PATH inside its root",
    man: "execve(2)",
  }];
}
