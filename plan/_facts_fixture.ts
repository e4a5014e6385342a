/** Facts for tests: an ordinary machine, root as the caller, our program as PID 1. */

import type { Facts } from "./facts.ts";

/** The fixture's facts, with some changed. */
export function makeFacts(changes: Partial<Facts> = {}): Facts {
  return {
    self: { argv: ["/proc/self/exe"], env: ["HOME=/root"] },
    changeRoot: "pivot_root",
    foreground: false,
    terminalStreams: [0, 1, 2],
    errorsOnTerminal: true,
    init: true,
    files: [],
    mapHelper: false,
    nullStreams: [],
    deviceStreams: [],
    ownStreams: [],
    relayedStreams: [],
    raisedLimits: [],
    denySetgroups: false,
    waits: false,
    outlives: false,
    joins: false,
    anyCpu: false,
    makesDirectory: false,
    nodesInRoot: false,
    closedToCaller: false,
    rootless: false,
    bindDevices: false,
    confineDevices: true,
    cgroupEntry: null,
    bindCgroups: false,
    hostSteps: [],
    cgroups: { version: 2 },
    unifiedFlags: [],
    seccomp: null,
    rootKind: "directory",
    image: null,
    overlay: null,
    ...changes,
  };
}
