/**
 * The mounts inside the container. They are made once the root has changed, so
 * that a symbolic link in the root filesystem can lead nowhere but inside it.
 */

import type { Mount, Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import type { MountFlag, Step } from "./step.ts";

const OPTIONS: Record<string, MountFlag | undefined> = {
  ro: "MS_RDONLY",
  nosuid: "MS_NOSUID",
  nodev: "MS_NODEV",
  noexec: "MS_NOEXEC",
  relatime: "MS_RELATIME",
  bind: "MS_BIND",
  rbind: "MS_BIND",
};

const WHY: Record<string, string | undefined> = {
  proc:
    "/proc shows the processes of the PID namespace that mounts it: here the container's, which is what ps reads",
};

function mount(entry: Mount): Step {
  const options = entry.options ?? [];
  const type = entry.type ?? "none";
  return {
    step: "mount",
    source: entry.source ?? type,
    target: entry.destination,
    type,
    flags: options.flatMap((option) => OPTIONS[option] ?? []),
    data: options.filter((option) => !OPTIONS[option]).join(",") || null,
    why: WHY[type] ??
      `the configuration asks for ${type} at ${entry.destination}`,
    man: type === "proc" ? "mount(2), proc(5)" : "mount(2)",
  };
}

/** Every mount of the Spec, in its order, after its mountpoint. */
export function mounts(spec: Spec, facts: Facts): Step[] {
  return (spec.mounts ?? []).flatMap((entry): Step[] => [
    ...(facts.missing.includes(entry.destination)
      ? [
        {
          step: "makeDirectory",
          path: entry.destination,
          mode: 0o755,
          why:
            `the root filesystem has no ${entry.destination} to mount ${entry.type} on`,
          man: "mkdir(2)",
        } as const,
      ]
      : []),
    mount(entry),
  ]);
}

/** The same, taken away again in the opposite order. */
export function unmounts(spec: Spec): Step[] {
  return (spec.mounts ?? []).toReversed().map((entry) => ({
    step: "unmount",
    target: entry.destination,
    why:
      "the mount namespace would take it along anyway; the one who mounts unmounts",
    man: "umount2(2)",
  }));
}
