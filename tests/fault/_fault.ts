/** Plans with a fault, run in this process or by tests/fault/_fault_main.ts. */

import { numberOf } from "../../ffi/numbers.ts";
import type { ContainerOptions } from "../../containers/decide/options.ts";
import { prepare, type Prepared } from "../../containers/run/run.ts";
import {
  type Phase,
  PHASES,
  type Step,
  type StepKind,
} from "../../plan/step.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { bundled } from "../_bundled.ts";
import {
  END_MARK,
  type Ending,
  type Fault,
  NEXT_OUTPUT,
  WAIT_MARK,
  WAITS,
} from "./_fault_instructions.ts";
import { descendants, describeBelow } from "../_host.ts";
import { execute, PATIENCE, rootfs, until } from "../_harness.ts";
import { pooled } from "./_pooled.ts";
import type { Session } from "../_session.ts";

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
  announce: true,
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
  idle: true,
  serveFiles: true,
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
  recordUndos: true,
  makeDirectory: true,
  takeCgroup: true,
  writeHostFile: true,
  fillCpuset: true,
  attachDevices: true,
  giveCgroup: true,
  startScope: true,
  makeFifo: true,
  joinClass: true,
  moveDevice: true,
  writeIdFile: true,
  writePidFile: true,
  reserveEnd: true,
  reserveProfile: true,
  keepChanges: true,
  recordNetwork: true,
  joinNetwork: true,
  makeBridge: true,
  filterNetwork: true,
  allowForwarding: true,
  makeHosts: true,
  startResolver: true,
  attachLink: true,
  reservePorts: true,
  publishPorts: true,
  startRelay: true,
  changeHosts: true,
  detachLink: true,
  startWayOut: true,
  keepUses: true,
  makeVolume: true,
};
export const KINDS = Object.keys(EVERY_KIND) as StepKind[];

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
    {
      options: { command: ["true"], tty: false, ...options },
      rootfs: rootfs(),
    },
    requesterIn(THIS_MACHINE, stdin && [stdin, "piped", "piped"]),
  );
}

/** The words that run one container per place, with the fault there. */
export async function faultWords(
  fault: Fault,
  all: readonly Place[],
  ...args: string[]
): Promise<string[]> {
  return [
    ...await bundled("fault/_fault_main.ts"),
    fault,
    all.map(({ phase, index }) => `${phase}.${index}`).join(","),
    // As in `decide` here: the command is not announced.
    ...["--quiet", "--rootfs", rootfs()],
    ...args,
  ];
}

/** A run in which a step failed. */
export interface FailedRun extends Ending {
  place: Place;
  stdout: string;
  stderr: string;
}

/**
 * Runs one container per place, in which the step at that place fails. A few
 * processes share the places, and run their containers one after the other.
 */
export async function failInTurn(
  all: readonly Place[],
  ...args: string[]
): Promise<FailedRun[]> {
  const runs: FailedRun[] = [];
  await pooled(sharesOf(all), SHARES, async (share) => {
    const words = await faultWords("fail", share, ...args);
    const { status, stdout, stderr } = await execute(words, {
      patience: PATIENCE + share.length * 1000,
    });
    const outputs = stdout.split(NEXT_OUTPUT);
    const errors = stderr.split(END_MARK);
    if (errors.length !== 2 * share.length + 1) {
      throw new Error(`Ended early with status ${status}: ${stderr}`);
    }
    share.forEach((place, index) => {
      const ending = JSON.parse(errors[2 * index + 1]!) as Ending;
      runs.push({
        ...ending,
        place,
        stdout: outputs[index]!,
        stderr: errors[2 * index]!,
      });
    });
    checkDescriptors(runs.slice(-share.length));
  });
  return runs;
}

/** How many descriptors a process may open once and keep for later runs. */
const KEPT_OPEN = 4;

/** Checks that the number of open descriptors does not grow with each run. */
function checkDescriptors(runs: readonly Ending[]): void {
  const counts = runs.map(({ open }) => open);
  const grown = Math.max(...counts) - Math.min(...counts);
  if (grown > KEPT_OPEN) {
    throw new Error(`Failed runs leave descriptors open: ${counts}`);
  }
}

/** How many processes with faults run at a time. */
export const SHARES = 3;

/** Splits places into shares. Neighbours take equally long: each goes to another share. */
export function sharesOf(all: readonly Place[]): Place[][] {
  return Array.from(
    { length: SHARES },
    (_, share) => all.filter((_, index) => index % SHARES === share),
  ).filter(({ length }) => length);
}

const WAITING = new RegExp(
  `^${numberOf("ppoll")} 0x[0-9a-f]+ 0x1 0x0 0x0 0x${WAIT_MARK.toString(16)} `,
);

/** Waits until a process below a session waits at its fault; returns its pid. */
export async function waitingBelow(
  session: Session,
  what: string,
): Promise<number> {
  await session.expect(new RegExp(WAITS)).catch((error) => {
    throw new Error(
      `Nothing waits at ${what}: ${error.message}\n${
        describeBelow(session.pid)
      }`,
    );
  });
  let waiting: number | null = null;
  await until(
    () => `something waits at ${what}:\n${describeBelow(session.pid)}`,
    () => (waiting = findWaiting(session.pid)) !== null,
  );
  return waiting!;
}

/** Waits for the end of the current run in a session. */
export async function endOfRun(session: Session): Promise<Ending> {
  const [, ending] = await session.expect(END_MARK);
  return JSON.parse(ending!);
}

/** Waits for the end of a session in which a process was killed. A process that still waits continues then. */
export async function endOfKilled(session: Session): Promise<number> {
  await session.exited();
  await session.close();
  return await session.end();
}

/** The process that waits at a fault, among those below one. */
function findWaiting(below: number): number | null {
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
