/**
 * The steps of the host phase: what the parent changes on the host, in order,
 * and how each change is taken back. Pure.
 */

import type { Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import { WITH_PROCESS } from "./host_kinds.ts";
import { hostMountsOf } from "./mounts/host_mounts.ts";
import { makeLayers } from "./mounts/overlay_layers.ts";
import { newNamespaces } from "./namespaces.ts";
import { relayStreams } from "./process/streams.ts";
import type { HostStep } from "./step.ts";
import { undosOf } from "./undo.ts";
import { makeVolumes } from "./volumes.ts";

/** What the parent does on the host: first without the first process, then with it. */
export function hostSteps(spec: Spec, facts: Facts): HostStep[] {
  const steps: HostStep[] = [
    ...facts.hostSteps,
    ...makeVolumes(spec, facts),
    ...makeLayers(spec, facts),
    ...hostMountsOf(spec, facts).values(),
    ...relayStreams(facts),
    ...mapIds(spec, facts),
  ];
  return withRecord(steps, facts.record);
}

/**
 * Puts the steps into the order in which they are done, after the record of
 * their undos, if there is one.
 *
 * @param record where it is, if it is not a file for this start only
 */
export function withRecord(
  steps: readonly HostStep[],
  record?: Facts["record"],
): HostStep[] {
  const hasProcess = ({ step }: HostStep) => WITH_PROCESS.has(step);
  const lasts = steps.some((step) => undosOf(step).length);
  return [
    ...(lasts || record ? [recordUndos(record)] : []),
    ...steps.filter((step) => !hasProcess(step)),
    // The others join the user namespace.
    ...steps.filter(({ step }) => step === "mapIds"),
    ...steps.filter((step) => hasProcess(step) && step.step !== "mapIds"),
  ];
}

const recordUndos = (record: Facts["record"]): HostStep => ({
  step: "recordUndos",
  ...record,
  why:
    "written before anything is changed, so that a later command can clean up even if this one is killed",
  man: "rename(2)",
  undo: [{ undo: "removeRecord" }],
});

/**
 * A joined user namespace already has its mappings, even if the configuration
 * repeats them, as Kubernetes does for each container of a pod.
 */
function mapIds(spec: Spec, facts: Facts): HostStep[] {
  const { uidMappings = [], gidMappings = [] } = spec.linux;
  if (!newNamespaces(spec).includes("user") || !uidMappings.length) return [];
  return [{
    step: "mapIds",
    uids: uidMappings,
    gids: gidMappings,
    helper: facts.mapHelper,
    denySetgroups: facts.denySetgroups,
    why:
      "maps each user ID inside to an ID on the host; an ID without a mapping is nobody",
    man: "user_namespaces(7)",
    undo: "kernel",
  }];
}
