/**
 * Takes over the process that the native entry launched before our runtime
 * started (launch/prelaunch.ts). Runs in the parent, on the host.
 */

import { Descriptor, readAt } from "../ffi/fcntl.ts";
import { rawSyscall } from "../ffi/libc.ts";
import { bytesAt } from "../ffi/memory.ts";
import { kill, SIGNAL } from "../ffi/signal.ts";
import { wait } from "../ffi/wait.ts";
import type { Handover } from "./handover.ts";
import { BASE, HEADER, HEADER_SIZE, MAGIC } from "./bytecode/layout.ts";
import {
  PRELAUNCH_SLOTS,
  prelaunchProgram,
  textOfLaunch,
} from "./prelaunch.ts";
import { Walk } from "./walker.ts";

/**
 * PID 1 of a container to be: its runtime starts, and it waits for its
 * handover.
 */
export interface Prelaunched {
  pid: number;
  walk: Walk;
  status: Descriptor;
  lifeline: Descriptor;
  file: Descriptor;
}

type Slots = Record<typeof PRELAUNCH_SLOTS[number], number>;

/**
 * Undefined before the first look; null if there is no launched process, or it
 * has been taken.
 */
let slots: Slots | null | undefined;

/**
 * Returns the launched process if this handover would launch the same,
 * otherwise ends it.
 */
export function takePrelaunched(handover: Handover): Prelaunched | null {
  const found = find();
  if (!found) return null;
  if (!isMeant(found, handover)) {
    discardPrelaunched();
    return null;
  }
  slots = null;
  const { launch } = handover.plan;
  return {
    pid: found.pid,
    walk: new Walk(
      found.walker,
      () => prelaunchProgram(launch),
      new Descriptor(found.memory),
      () => launch,
    ),
    status: new Descriptor(found.status),
    lifeline: new Descriptor(found.lifeline),
    file: new Descriptor(found.handover),
  };
}

/** Ends the launched process if nobody has taken it. */
export function discardPrelaunched(): void {
  const found = find();
  if (!found) return;
  slots = null;
  kill(found.pid, SIGNAL.SIGKILL);
  wait(found.pid);
  for (const name of ["memory", "handover", "lifeline", "status"] as const) {
    rawSyscall("close", found[name]);
  }
}

function isMeant(
  { words, memory }: Slots,
  { plan, args, preserve, mounts = {} }: Handover,
): boolean {
  if (words !== args.length || preserve || Object.keys(mounts).length) {
    return false;
  }
  const text = new TextEncoder().encode(textOfLaunch(plan.launch));
  const found = new Uint8Array(text.length + 1);
  const size = new DataView(bytesAt(BASE, HEADER_SIZE).buffer)
    .getBigUint64(HEADER.size, true);
  return readAt(memory, found, Number(size)) === text.length &&
    text.every((byte, index) => byte === found[index]);
}

/**
 * Looks at the address where a plan is mapped. A caller of this executable
 * cannot put anything there.
 */
function find(): Slots | null {
  return slots ??= slots === null || !Deno.build.standalone ? null : look();
}

function look(): Slots | null {
  if (rawSyscall("mincore", BASE, HEADER_SIZE, new Uint8Array(1)) < 0) {
    return null;
  }
  const header = new DataView(bytesAt(BASE, HEADER_SIZE).buffer);
  if (header.getUint32(HEADER.magic, true) !== MAGIC) return null;
  return Object.fromEntries(
    PRELAUNCH_SLOTS.map((name, index) => [
      name,
      Number(header.getBigInt64(HEADER.slots + 8 * index, true)),
    ]),
  ) as Slots;
}
