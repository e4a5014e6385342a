/** Plans with a fault, run in this process or by tests/_fault_main.ts. */

import { numberOf } from "../ffi/numbers.ts";
import type { ContainerOptions } from "../containers/decide/options.ts";
import { prepare, type Prepared } from "../containers/run/run.ts";
import { type Phase, PHASES, type Step, type StepKind } from "../plan/step.ts";
import { bundled } from "./_bundled.ts";
import {
  END_MARK,
  type Ending,
  type Fault,
  NEXT_OUTPUT,
  WAIT_MARK,
  WAITS,
} from "./_fault_instructions.ts";
import { descendants, describeBelow } from "./_host.ts";
import { execute, PATIENCE, rootfs, until } from "./_harness.ts";
import { pooled } from "./_pooled.ts";
import type { Session } from "./_session.ts";

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

/** The words that run a container for each place, with the fault there. */
export async function faultWords(
  fault: Fault,
  all: readonly Place[],
  ...args: string[]
): Promise<string[]> {
  return [
    ...await bundled("_fault_main.ts"),
    fault,
    all.map(({ phase, index }) => `${phase}.${index}`).join(","),
    "--rootfs",
    rootfs(),
    ...args,
  ];
}

/** A run in which a step has failed: what it said, and how it ended. */
export interface FailedRun extends Ending {
  place: Place;
  stdout: string;
  stderr: string;
}

/**
 * Runs a container for each place, where the step fails. They share some
 * processes, in which they run one after the other.
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
      throw new Error(`Ended half-way with ${status}: ${stderr}`);
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

/** How many descriptors are opened once for all runs of a process, and stay. */
const KEPT_OPEN = 4;

/** Checks that a process does not have more descriptors open after each run. */
function checkDescriptors(runs: readonly Ending[]): void {
  const counts = runs.map(({ open }) => open);
  const grown = Math.max(...counts) - Math.min(...counts);
  if (grown > KEPT_OPEN) {
    throw new Error(`Failed runs leave descriptors open: ${counts}`);
  }
}

/** How many processes of a kind run side by side. */
export const SHARES = 3;

/** Deals places out: neighbours, which take as long, to different shares. */
export function sharesOf(all: readonly Place[]): Place[][] {
  return Array.from(
    { length: SHARES },
    (_, share) => all.filter((_, index) => index % SHARES === share),
  ).filter(({ length }) => length);
}

const WAITING = new RegExp(
  `^${numberOf("ppoll")} 0x[0-9a-f]+ 0x1 0x0 0x0 0x${WAIT_MARK.toString(16)} `,
);

/** The process that waits at a fault, as soon as one does. */
export async function waitingBelow(
  session: Session,
  what: string,
): Promise<number> {
  // So that it says where it was expected, should it be silent.
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

/** How the run under way in a session ends. */
export async function endOfRun(session: Session): Promise<Ending> {
  const [, ending] = await session.expect(END_MARK);
  return JSON.parse(ending!);
}

/** The end of a session in which somebody was killed: what still waits goes on then. */
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
