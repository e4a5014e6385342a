/** Host steps of each kind that does not come from a Spec, for tests. */

import type { NetworkRecord } from "./network.ts";
import type { HostStep } from "./step.ts";

const NETWORK: NetworkRecord = {
  name: "blue",
  id: "0".repeat(64),
  driver: "bridge",
  created: "2026-01-01T00:00:00Z",
  subnet: { address: "172.18.0.0", bits: 16 },
  gateway: "172.18.0.1",
  bridge: "br-000000000000",
  internal: false,
  icc: true,
  masquerade: true,
  labels: {},
  options: {},
};

const RECORDS = "/store/networks/records";
const IP_FORWARD_NOTE = "/store/networks/forwarding";

const says = { why: "a reason for the test", man: "test(7)" } as const;

/** One step of each kind. */
export const HOST_STEPS: readonly HostStep[] = [
  {
    step: "makeDirectory",
    path: "/cg/x",
    mode: 0o755,
    exclusive: true,
    ...says,
    undo: [{ undo: "removeCgroup", version: 2, path: "/cg/x" }],
  },
  {
    step: "takeCgroup",
    path: "/cg/y",
    ...says,
    undo: [{ undo: "removeCgroup", version: 2, path: "/cg/y", found: true }],
  },
  {
    step: "writeHostFile",
    path: "/cg/x/pids.max",
    value: "7",
    ...says,
    undo: "kernel",
  },
  {
    step: "fillCpuset",
    from: "/cg/cpuset.cpus",
    path: "/cg/x/cpuset.cpus",
    ...says,
    undo: "kernel",
  },
  { step: "attachDevices", path: "/cg/x", rules: [], ...says, undo: "kernel" },
  { step: "giveCgroup", path: "/cg/x", uid: 7, ...says, undo: "kernel" },
  {
    step: "startScope",
    manager: { socket: "/s", direct: true, uid: 0, cgroup: "" },
    unit: "x.scope",
    slice: "system.slice",
    path: "/cg/x.scope",
    own: "/cg/x.scope/own",
    properties: [],
    ...says,
    undo: "kernel",
  },
  {
    step: "keepChanges",
    directory: "/store/containers/x",
    lock: "/store/lock",
    layers: ["/store/layers/b/diff", "/store/layers/a/diff"],
    blobs: [],
    chains: [],
    ...says,
    undo: [{
      undo: "discard",
      path: "/store/containers/x",
      into: "/store/work/x",
    }],
  },
  {
    step: "makeFifo",
    path: "/run/x/start.fifo",
    ...says,
    undo: [{ undo: "removeRecord" }],
  },
  { step: "joinClass", path: "/resctrl/x/tasks", ...says, undo: "kernel" },
  {
    step: "moveDevice",
    name: "eth7",
    as: "eth0",
    ...says,
    undo: "kernel",
    ifFailed: [{ undo: "returnDevice", name: "eth7", as: "eth0" }],
  },
  {
    step: "recordNetwork",
    records: RECORDS,
    network: NETWORK,
    ...says,
    undo: "kept",
  },
  {
    step: "joinNetwork",
    records: RECORDS,
    network: NETWORK,
    member: { container: "x", name: "web", aliases: ["w"] },
    address: "172.18.0.9",
    ...says,
    undo: [
      { undo: "restoreForwarding", records: RECORDS, note: IP_FORWARD_NOTE },
      {
        undo: "leaveNetwork",
        records: RECORDS,
        id: NETWORK.id,
        container: "x",
      },
    ],
  },
  { step: "makeBridge", network: NETWORK, ...says, undo: "kept" },
  {
    step: "filterNetwork",
    records: RECORDS,
    network: NETWORK,
    ...says,
    undo: "kept",
  },
  {
    step: "allowForwarding",
    records: RECORDS,
    note: IP_FORWARD_NOTE,
    ...says,
    undo: [
      { undo: "restoreForwarding", records: RECORDS, note: IP_FORWARD_NOTE },
    ],
  },
  {
    step: "makeHosts",
    records: RECORDS,
    path: "/store/networks/hosts/x",
    container: "x",
    names: ["box"],
    text: "127.0.0.1\tlocalhost\n",
    networks: [NETWORK.id],
    named: [NETWORK.id],
    ...says,
    undo: [{ undo: "removeHosts", path: "/store/networks/hosts/x" }],
  },
  {
    step: "attachLink",
    records: RECORDS,
    network: NETWORK,
    container: "x",
    device: "eth0",
    isWayOut: true,
    ...says,
    undo: "kernel",
  },
  {
    step: "writeIdFile",
    path: "/run/x.id",
    id: "x",
    ...says,
    undo: "kept",
    ifFailed: [{ undo: "removeFile", path: "/run/x.id" }],
  },
  {
    step: "writePidFile",
    path: "/run/x.pid",
    ...says,
    undo: "kept",
    ifFailed: [{ undo: "removeFile", path: "/run/x.pid" }],
  },
  {
    step: "reserveEnd",
    path: "/run/x/exit",
    ...says,
    undo: [{ undo: "removeRecord" }],
  },
  {
    step: "reserveProfile",
    path: "/srv/profile.json",
    ...says,
    undo: [{ undo: "removeUnwritten", path: "/srv/profile.json" }],
  },
];
