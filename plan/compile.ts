/**
 * Compiles a Spec into a Plan: the ordered steps that make a container. This
 * file is the table of contents. Each function that it calls is one stage, and
 * the file that the function comes from explains the stage.
 *
 * Compiling is pure. It does nothing to the machine, and the same Spec and
 * Facts always give the same steps. The result is plain data: written as JSON
 * and parsed again, it is the same plan.
 */

import { DEFAULT_UMASK } from "../spec/defaults.ts";
import type { Spec } from "../spec/types.ts";
import { bindHostCgroups } from "./mounts/cgroup_mounts.ts";
import {
  announceCommand,
  becomeChild,
  becomeNonDumpable,
  endChild,
  startPidOne,
} from "./child.ts";
import { confineMounts, prepareDevices } from "./mounts/devices.ts";
import type { Facts } from "./facts.ts";
import { setUpRoot } from "./hooks.ts";
import { hostSteps } from "./host.ts";
import { leaveHostMounts, prepareMounts, sealMounts } from "./mounts/mounts.ts";
import { setUpNamespaces, unshareNamespaces } from "./namespaces.ts";
import { skipKnownDirectories } from "./mounts/known_directories.ts";
import { bindHostNull, reopenNull } from "./process/null_streams.ts";
import { startProcess } from "./process/process.ts";
import { openCover, sealRoot, setRootPropagation } from "./mounts/root.ts";
import type { Plan, Step } from "./step.ts";
import { openChildTerminal } from "./process/terminal.ts";

/** The ordered steps that make the container that a Spec describes. */
export function compile(asked: Spec, facts: Facts): Plan {
  const spec = confineMounts(bindHostCgroups(asked, facts), facts);
  return {
    init: facts.init,
    host: hostSteps(spec, facts),
    launch: launchSteps(spec, facts),
    container: containerSteps(spec, facts),
    process: processSteps(spec, facts),
    cleanup: facts.init ? endChild(spec) : [],
  };
}

/** Everything that the steps make has the mode that they name. */
const usualUmask: Step = {
  step: "setUmask",
  mask: DEFAULT_UMASK,
  why:
    "files and directories get the modes that the steps name, whatever the caller's umask; the command has it too unless it gets another one",
  man: "umask(2)",
};

/** The way of PID 1 from the host into its namespaces. */
function launchSteps(spec: Spec, facts: Facts): Step[] {
  return [
    usualUmask,
    ...startPidOne(spec, facts),
    ...(facts.init ? becomeChild(spec, facts) : []),
  ];
}

/** What PID 1 sets up inside: mounts, root, devices, names. */
function containerSteps(spec: Spec, facts: Facts): Step[] {
  return skipKnownDirectories([
    ...announceCommand(spec, facts),
    // Enter the rest of the namespaces, and cut the mount tree off from the
    // host.
    ...becomeNonDumpable,
    ...unshareNamespaces(spec, facts),
    ...leaveHostMounts(spec, facts),
    ...setUpNamespaces(spec),
    // Open everything that comes from the host, while its paths still exist.
    ...prepareMounts(spec, facts),
    ...bindHostNull(spec, facts),
    ...prepareDevices(spec, facts),
    ...openCover(spec),
    // Change the root, and mount everything inside it.
    ...setUpRoot(spec, facts),
    ...setSysctls(spec),
    ...makeWorkingDirectory(spec, facts),
    // Close what must not change from here on.
    ...sealMounts(spec),
    ...sealRoot(spec),
    // Replace what still belongs to the caller: keys, null device, terminal.
    ...leaveKeyring(facts),
    ...reopenNull(spec, facts),
    ...openChildTerminal(spec, facts),
    ...(commandOpensTerminal(spec, facts) ? [] : setRootPropagation(spec)),
  ]);
}

/** What the process that becomes the command does to itself, up to its execve. */
function processSteps(spec: Spec, facts: Facts): Step[] {
  const steps = startProcess(spec, facts);
  if (!commandOpensTerminal(spec, facts)) return steps;
  // The terminal is bind mounted at /dev/console, which an unbindable root
  // would not allow.
  return steps.flatMap((step) =>
    step.step === "openTerminal" ? [step, ...setRootPropagation(spec)] : [step]
  );
}

const commandOpensTerminal = ({ process }: Spec, { init }: Facts) =>
  process.terminal && !init;

function setSysctls(spec: Spec): Step[] {
  return Object.entries(spec.linux.sysctl ?? {}).map(([key, value]) => ({
    step: "setSysctl",
    key,
    value,
    why:
      "this kernel setting belongs to one of the container's namespaces; the host keeps its own",
    man: "proc_sys(5)",
  }));
}

function makeWorkingDirectory(
  { process }: Spec,
  { makesDirectory, places }: Facts,
): Step[] {
  if (!makesDirectory || process.cwd === "/") return [];
  return [{
    step: "makeMountpoint",
    path: places?.ends[process.cwd] ?? process.cwd,
    kind: "directory",
    why: "engines expect the runtime to create a missing working directory",
    man: "mkdir(2)",
  }];
}

function leaveKeyring({ keepKeyring }: Facts): Step[] {
  if (keepKeyring) return [];
  return [{
    step: "joinKeyring",
    why: "the caller's session keyring and its keys stay out of the container",
    man: "keyctl(2), session-keyring(7)",
  }];
}
