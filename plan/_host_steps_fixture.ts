/** Host steps of each kind that does not come from a Spec, for tests. */

import type { HostStep } from "./step.ts";

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
