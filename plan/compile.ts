/**
 * Spec to Plan. Pure: the same Spec and Facts give the same steps, and nothing
 * is done. This file is the table of contents of a container.
 */

import type { Spec } from "../spec/types.ts";
import { lendCgroups } from "./mounts/cgroup_mounts.ts";
import { becomeChild, endChild, protect, startPidOne } from "./child.ts";
import { confineMounts, prepareDevices } from "./mounts/devices.ts";
import type { Facts } from "./facts.ts";
import { hostMountsOf } from "./mounts/host_mounts.ts";
import { setUpRoot } from "./hooks.ts";
import { leaveHostMounts, prepareMounts, sealMounts } from "./mounts/mounts.ts";
import { enteredNamespaces, fresh, setUpNamespaces } from "./namespaces.ts";
import { withinKnown } from "./mounts/known_directories.ts";
import { lendNull, reopenNull } from "./process/null_streams.ts";
import { once } from "./once.ts";
import { startProcess } from "./process/process.ts";
import { prepareCovers, sealRoot, spreadRoot } from "./mounts/root.ts";
import type { Plan, Step } from "./step.ts";
import { relayStreams } from "./process/streams.ts";
import { openChildTerminal } from "./process/terminal.ts";

/** The ordered steps that make a container of a Spec. */
export function compile(asked: Spec, facts: Facts): Plan {
  const spec = confineMounts(lendCgroups(asked, facts), facts);
  // What comes after the launch is compiled when it is asked for, which is
  // while the child starts.
  const later = {
    container: once(() => containerSteps(spec, facts)),
    process: once(() => processSteps(spec, facts)),
    cleanup: once(() => facts.init ? endChild(spec) : []),
  };
  return {
    init: facts.init,
    host: hostWork(spec, facts),
    launch: [
      ...startPidOne(spec, facts),
      ...(facts.init ? becomeChild(spec, facts) : []),
    ],
    get container() {
      return later.container();
    },
    get process() {
      return later.process();
    },
    get cleanup() {
      return later.cleanup();
    },
  };
}

function containerSteps(spec: Spec, facts: Facts): Step[] {
  return withinKnown([
    ...protect,
    ...enteredNamespaces(spec, facts),
    ...leaveHostMounts(spec, facts),
    ...setUpNamespaces(spec),
    ...prepareMounts(spec, facts),
    ...lendNull(spec, facts),
    ...prepareDevices(spec, facts),
    ...prepareCovers(spec),
    ...setUpRoot(spec, facts),
    ...setSysctls(spec),
    ...makeWorkingDirectory(spec, facts),
    ...sealMounts(spec),
    ...sealRoot(spec),
    ...(facts.keepKeyring ? [] : [
      {
        step: "joinKeyring",
        why: "the keys of whoever started it are not for the container",
        man: "keyctl(2), session-keyring(7)",
      } as const,
    ]),
    ...reopenNull(spec, facts),
    ...openChildTerminal(spec, facts),
    ...(opensTerminalLater(spec, facts) ? [] : spreadRoot(spec)),
  ]);
}

const opensTerminalLater = ({ process }: Spec, { init }: Facts) =>
  process.terminal && !init;

/** Where the process opens its terminal itself, that is mounted yet. */
function processSteps(spec: Spec, facts: Facts): Step[] {
  const steps = startProcess(spec, facts);
  if (!opensTerminalLater(spec, facts)) return steps;
  return steps.flatMap((step) =>
    step.step === "openTerminal" ? [step, ...spreadRoot(spec)] : [step]
  );
}

function hostWork(spec: Spec, facts: Facts): Step[] {
  const { uidMappings = [], gidMappings = [] } = spec.linux;
  return [
    ...(facts.cgroup
      ? [
        {
          step: "makeCgroup",
          ...facts.cgroup,
          why: "the kernel counts and limits what a cgroup's processes use",
          man: "cgroups(7)",
        } as const,
      ]
      : []),
    ...hostMountsOf(spec, facts).values(),
    ...relayStreams(facts),
    // One that is joined has its mapping; Kubernetes says it again for each of a pod.
    ...(fresh(spec).includes("user") && uidMappings.length
      ? [
        {
          step: "mapIds",
          uids: uidMappings,
          gids: gidMappings,
          helper: facts.mapHelper,
          denySetgroups: facts.denySetgroups,
          why:
            "which user of the host each user inside really is; one that is not mapped is nobody",
          man: "user_namespaces(7)",
        } as const,
      ]
      : []),
  ];
}

/** Engines leave it to their runtime, and Kubernetes' workingDir counts on it. */
function makeWorkingDirectory(
  { process }: Spec,
  { isBundle, places }: Facts,
): Step[] {
  if (!isBundle || process.cwd === "/") return [];
  return [{
    step: "makeMountpoint",
    path: places?.ends[process.cwd] ?? process.cwd,
    kind: "directory",
    why: "the working directory of a bundle is made where it is missing",
    man: "mkdir(2)",
  }];
}

function setSysctls(spec: Spec): Step[] {
  return Object.entries(spec.linux.sysctl ?? {}).map(([key, value]) => ({
    step: "setSysctl",
    key,
    value,
    why: "it belongs to a namespace of the container's own",
    man: "proc_sys(5)",
  }));
}
