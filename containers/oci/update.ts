/**
 * update: changes the limits of a running container. Runs on the host, in the
 * update command.
 */

import {
  Cgroup,
  type CgroupStep,
  moveInto,
  planExtension,
  readHierarchy,
} from "../../cgroup/mod.ts";
import { unitProperties } from "../../cgroup/systemd/unit_properties.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { withRecord } from "../../plan/host.ts";
import { ContainerError } from "../../spec/errors.ts";
import { type Resources, withoutZeros } from "../../spec/resources.ts";
import { readCaller } from "../decide/caller.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import { ownCgroup } from "./own_cgroup.ts";
import { forgetReadyPlans, writeReadyPlans } from "./ready_plans.ts";
import { EntryLedger } from "../store/entry_ledger.ts";
import { nameOf, stateVerb, statusOf } from "../store/status.ts";
import type { ContainerRecord, Store } from "../store/store.ts";

/**
 * Changes limits. If the container is not yet in the cgroup of a controller, it
 * is moved there.
 *
 * @throws {ContainerError} if the container does not run, or the kernel refuses
 */
export async function update(
  store: Store,
  id: string,
  wanted: Resources,
): Promise<void> {
  using entry = store.open(id);
  const status = statusOf(entry);
  if (status === "stopped" || status === "creating") {
    const name = nameOf(entry.record);
    throw new ContainerError(
      `container not running: ${name} ${stateVerb(status)}`,
    );
  }
  const resources = changes(wanted, entry.record);
  const { spec } = entry.record;
  const state = ownCgroup(entry.record, "update");
  forgetReadyPlans(entry);
  const extension = planExtension(state, resources, readHierarchy());
  const { state: cgroup, steps } = extension;
  const host = new HostPhase(
    withRecord(steps, steps.length ? { directory: entry.path } : undefined),
    new EntryLedger(entry, { cgroup }),
  );
  await host.prepare();
  if (steps.length) entry.save(entry.record);
  moveInto(extension);
  host.leave();
  const written = new Cgroup(cgroup).update(resources);
  if (cgroup.unit !== undefined) await tellUnit(cgroup.unit, written);
  entry.save({
    ...entry.record,
    spec: {
      ...spec,
      linux: {
        ...spec.linux,
        resources: merge(spec.linux.resources, resources),
      },
    },
  });
  writeReadyPlans(entry);
}

async function tellUnit(
  unit: string,
  written: readonly CgroupStep[],
): Promise<void> {
  const properties = unitProperties(written);
  if (!properties.length) return;
  const { privileged, nested } = readCaller(THIS_MACHINE);
  const { managerOf } = await import("../decide/oci/systemd_cgroup.ts");
  const manager = managerOf(!privileged || nested, THIS_MACHINE);
  if (!manager) return;
  const { setUnitProperties } = await import(
    "../../cgroup/systemd/start_scope.ts"
  );
  await setUnitProperties(manager, unit, properties);
}

/**
 * Drops members without a change: engines send every member they know, as 0
 * where nothing changes. Device rules are never changed.
 */
function changes(
  { devices: _, pids, ...resources }: Resources,
  record: ContainerRecord,
): Resources {
  const limit = pids && changedPidsLimit(pids.limit, record);
  return {
    ...withoutZeros(resources),
    ...(limit ? { pids: { limit } } : {}),
  };
}

/**
 * For a container of `run`, 0 removes the limit, as with docker. For a bundle
 * it changes nothing, whatever its version: engines send 0 for a value that
 * they leave.
 */
function changedPidsLimit(limit: number, { daily }: ContainerRecord): number {
  return limit === 0 && daily ? -1 : limit;
}

function merge(old: Resources | undefined, changed: Resources): Resources {
  const { memory, cpu, blockIO, unified } = old ?? {};
  return {
    ...old,
    ...changed,
    memory: { ...memory, ...changed.memory },
    cpu: { ...cpu, ...changed.cpu },
    blockIO: { ...blockIO, ...changed.blockIO },
    ...(unified || changed.unified
      ? { unified: { ...unified, ...changed.unified } }
      : {}),
  };
}
