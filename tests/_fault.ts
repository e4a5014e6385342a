/** Plans with a fault, run in this process or by tests/_fault_main.ts. */

import { numberOf } from "../ffi/numbers.ts";
import type { Instruction } from "../launch/bytecode/call.ts";
import type { ContainerOptions } from "../containers/decide/options.ts";
import { prepare, type Prepared } from "../containers/run/run.ts";
import { type Phase, PHASES, type Step, type StepKind } from "../plan/step.ts";
import { descendants } from "./_host.ts";
import { REPOSITORY, rootfs } from "./_harness.ts";

/** Every kind of step; the compiler checks that none is missing. */
const EVERY_KIND: Record<StepKind, true> = {
  joinNamespaces: true,
  joinProcess: true,
  clone: true,
  unshare: true,
  setHostname: true,
  setDomainname: true,
  enterTimeNamespace: true,
  raiseLoopback: true,
  joinKeyring: true,
  setProcessGroup: true,
  setParentDeathSignal: true,
  waitForParent: true,
  checkParent: true,
  setSignalMask: true,
  defaultSignals: true,
  closeDescriptors: true,
  arrangeDescriptors: true,
  executeSelf: true,
  keepWalker: true,
  executeWalker: true,
  setDumpable: true,
  giveStreams: true,
  reopenNull: true,
  reopenDevice: true,
  openCgroups: true,
  joinCgroups: true,
  openTree: true,
  createFilesystem: true,
  receiveMount: true,
  setMountAttributes: true,
  attach: true,
  makeMountpoint: true,
  mount: true,
  mountOverlay: true,
  pivotRoot: true,
  chroot: true,
  unmount: true,
  maskPath: true,
  readonlyPath: true,
  makeDevice: true,
  makeSymlink: true,
  writeFile: true,
  makeFile: true,
  setSysctl: true,
  setIds: true,
  keepCapabilities: true,
  limitCapabilities: true,
  setCapabilities: true,
  setNoNewPrivileges: true,
  setRlimit: true,
  setOomScore: true,
  setUmask: true,
  setNice: true,
  setAffinity: true,
  setPersonality: true,
  createRuleset: true,
  allowBelow: true,
  allowPort: true,
  restrictSelf: true,
  setSeccomp: true,
  keepSocket: true,
  sendListener: true,
  setLabel: true,
  makeSession: true,
  openTerminal: true,
  shareTerminal: true,
  changeDirectory: true,
  checkDirectory: true,
  execute: true,
  keepHold: true,
  checkCommand: true,
  reportReady: true,
  waitForStart: true,
  waitForHooks: true,
  keepRoot: true,
  enterKeptRoot: true,
  visitRoot: true,
  returnToRoot: true,
  setIoPriority: true,
  setScheduler: true,
  setMemoryPolicy: true,
  killAll: true,
  mapIds: true,
  mapMount: true,
  mountImage: true,
  copyUp: true,
  relayStream: true,
  makeCgroup: true,
};
export const KINDS = Object.keys(EVERY_KIND) as StepKind[];

/** A struct timespec. */
function seconds(count: number): Uint8Array {
  return new Uint8Array(new BigInt64Array([BigInt(count), 0n]).buffer);
}

/**
 * A fault that waits, by polling nothing. It ends after some seconds, because a
 * real plan never waits between the creation of PID 1 and the check that the
 * parent is alive.
 */
export const WAIT: Instruction = {
  name: "ppoll",
  args: [null, 0, seconds(5), null, 0],
};

/** The place of a fault in a plan. */
export interface Place {
  phase: Phase;
  index: number;
  step: Step;
}

/**
 * The steps that make system calls, in order. killAll is left out: the child
 * does it itself.
 */
export function places({ plan }: Prepared): Place[] {
  return PHASES.filter((phase) => phase !== "host").flatMap((phase) =>
    plan[phase].map((step, index) => ({ phase, index, step }))
  ).filter(({ step }) => step.step !== "killAll");
}

/**
 * Decides what the arguments of a program ask for.
 *
 * @param stdin its future standard input, if it is not that of this process
 */
export function decide(
  options: Partial<ContainerOptions>,
  stdin?: "null" | "piped",
): Promise<Prepared> {
  return prepare(
    { command: ["true"], tty: false, ...options },
    rootfs(),
    stdin && [stdin, "piped", "piped"],
  );
}

/** The words that run a plan with a fault. */
export function faultWords(
  { phase, index }: Place,
  fault: "fail" | "wait",
  ...args: string[]
): string[] {
  return [
    Deno.execPath(),
    "run",
    "-A",
    "--import-map",
    `${REPOSITORY}/deno.json`,
    `${REPOSITORY}/tests/_fault_main.ts`,
    phase,
    String(index),
    fault,
    "--rootfs",
    rootfs(),
    ...args,
  ];
}

const WAITING = new RegExp(
  `^${numberOf("ppoll")} 0x0 0x0 0x[0-9a-f]+ 0x0 0x0 `,
);

/** The process below another one that waits at a fault. */
export function findWaiting(below: number): number | null {
  for (const { pid } of descendants(below)) {
    try {
      const call = Deno.readTextFileSync(`/proc/${pid}/syscall`);
      if (WAITING.test(call)) return pid;
    } catch {
      // The process has ended.
    }
  }
  return null;
}

/** Runs several tasks at a time. */
export async function pooled<T>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const ends = await Promise.allSettled(
    Array.from({ length: size }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) {
        await work(item);
      }
    }),
  );
  // All have ended before an error is thrown, so none is left running.
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
