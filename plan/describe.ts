/**
 * A step as words that follow "container will …" and "Cannot …": one text for
 * explain and for errors.
 */

import type { Step } from "./step.ts";

const and = (words: string[]) =>
  words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

/** What the step does, without capital or full stop. */
export function describe(step: Step): string {
  switch (step.step) {
    case "clone":
      return `create a process in new ${and(step.namespaces)} namespaces`;
    case "setProcessGroup":
      return step.foreground
        ? "make it the terminal's foreground process group"
        : "give it a process group of its own";
    case "setParentDeathSignal":
      return `ask for ${step.signal} when the parent dies`;
    case "waitForParent":
      return "wait for the parent";
    case "checkParent":
      return "check that the parent is alive";
    case "setSignalMask":
      return step.blocked.length
        ? `block ${and(step.blocked)}`
        : "unblock all signals";
    case "defaultSignals":
      return `reset ${and(step.signals)} to the default`;
    case "closeDescriptors":
      return `close every descriptor from ${step.from} upwards`;
    case "executeSelf":
      return `execute this program again: ${step.argv.join(" ")}`;
    case "setDumpable":
      return "make this process non-dumpable";
    case "unshare":
      return `enter new ${and(step.namespaces)} namespaces`;
    case "setHostname":
      return `set the hostname to ${step.hostname}`;
    case "mount":
      return describeMount(step);
    case "makeDirectory":
      return `make the directory ${step.path}`;
    case "pivotRoot":
      return `change the root to ${step.root} and detach the host's`;
    case "chroot":
      return `change the root directory to ${step.root}`;
    case "changeDirectory":
      return `change the working directory to ${step.path}`;
    case "checkDirectory":
      return "check that the working directory is inside the root";
    case "execute":
      return `execute ${step.argv[0]}`;
    case "killAll":
      return "kill and reap what is left";
    case "unmount":
      return `unmount ${step.target}`;
  }
}

function describeMount(
  step: Extract<Step, { step: "mount" }>,
): string {
  const has = (flag: typeof step.flags[number]) => step.flags.includes(flag);
  if (has("MS_PRIVATE")) return `make the mounts under ${step.target} private`;
  if (has("MS_BIND")) {
    return step.source === step.target
      ? `bind mount ${step.source} on itself`
      : `bind mount ${step.source} at ${step.target}`;
  }
  return `mount ${step.type} at ${step.target}`;
}
