/**
 * The words by which tests/fault/host_fault_test.ts and its program understand
 * each other, and made-up steps that no command of this machine has.
 */

import type { NetworkRecord } from "../../plan/network.ts";
import type { HostStep } from "../../plan/step.ts";
import { withRecord } from "../../plan/host.ts";

/** What happens at a step. */
export interface HostFault {
  /** The number of the step in its plan; -1: nothing happens. */
  index: number;
  moment: "before" | "after";
  action: "fail" | "kill";
}

/** The message of a failure on purpose. */
export const ON_PURPOSE = "Cannot go on: this is a test";

/** Steps of systemd, resctrl, a store of images, and a v2 cgroup that no command here would make. */
export function madeUpSteps(directory: string): readonly HostStep[] {
  const says = { why: "a test of its undo", man: "test(7)" };
  const group = `/sys/fs/cgroup/unified/container-${
    directory.slice(directory.lastIndexOf("/") + 1)
  }`;
  const inGroups = isThere("/sys/fs/cgroup/unified/cgroup.procs");
  const resctrl = `${directory}/class`;
  const store = `${directory}/store`;
  return withRecord([
    ...(inGroups
      ? [
        {
          step: "makeDirectory",
          path: group,
          mode: 0o755,
          exclusive: true,
          ...says,
          undo: [{ undo: "removeCgroup", version: 2, path: group }],
        },
        {
          step: "attachDevices",
          path: group,
          rules: [{ allow: false, access: "rwm" }],
          ...says,
          undo: "kernel",
        },
        {
          step: "giveCgroup",
          path: group,
          uid: 65534,
          ...says,
          undo: "kernel",
        },
      ] satisfies HostStep[]
      : []),
    {
      step: "makeDirectory",
      path: resctrl,
      ...says,
      undo: [{ undo: "removeClass", path: resctrl }],
    },
    {
      step: "keepChanges",
      directory: `${store}/containers/x`,
      lock: `${store}/lock`,
      layers: [`${store}/layers`],
      blobs: [],
      chains: [],
      ...says,
      undo: [{
        undo: "discard",
        path: `${store}/containers/x`,
        into: `${store}/work/x`,
      }],
    },
    {
      step: "keepUses",
      directory: `${store}/containers/y`,
      lock: `${store}/lock`,
      blobs: [],
      chains: [],
      volumes: ["data"],
      ...says,
      undo: [{
        undo: "discard",
        path: `${store}/containers/y`,
        into: `${store}/work/y`,
      }],
    },
    {
      step: "makeVolume",
      directory: `${store}/volumes/data`,
      lock: `${store}/lock`,
      labels: {},
      options: {},
      anonymous: true,
      content: null,
      ...says,
      undo: [{
        undo: "discard",
        path: `${store}/volumes/data`,
        into: `${store}/work/data`,
      }],
    },
    {
      step: "changeHosts",
      records: `${directory}/records`,
      path: `${directory}/hosts/x`,
      networks: [],
      named: [],
      ...says,
      undo: "kept",
      ifFailed: [{
        undo: "changeHosts",
        records: `${directory}/records`,
        path: `${directory}/hosts/x`,
        networks: [],
        named: [],
      }],
    },
    { step: "joinClass", path: `${directory}/tasks`, ...says, undo: "kernel" },
    {
      step: "detachLink",
      records: `${directory}/records`,
      network: NETWORK,
      container: "x",
      gateway: null,
      ...says,
      undo: "kept",
    },
  ]);
}

/** A network in which nothing is. */
const NETWORK: NetworkRecord = {
  name: "none-such",
  id: "0".repeat(64),
  driver: "bridge",
  created: "2026-01-01T00:00:00Z",
  subnet: { address: "10.99.0.0", bits: 24 },
  gateway: "10.99.0.1",
  bridge: "br-none",
  internal: false,
  icc: true,
  masquerade: true,
  labels: {},
  options: {},
};

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
