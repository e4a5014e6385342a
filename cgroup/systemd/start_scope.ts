/**
 * Asks systemd for a scope over D-Bus. Runs on the host, in the parent. See
 * org.freedesktop.systemd1(5).
 *
 * @module
 */

import { ContainerError } from "../../spec/errors.ts";
import {
  Bus,
  BusError,
  type Incoming,
  type Property,
  type Variant,
} from "./dbus.ts";
import type { Writer } from "./dbus_wire.ts";
import type { CgroupScope, Manager } from "../step.ts";

const MANAGER = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
} as const;

/** The time in milliseconds that systemd may take. */
const PATIENCE = 30_000;

/**
 * The time in milliseconds that an old unit of the same name may take to
 * disappear.
 */
const GOING = 10_000;
/** The time in milliseconds between two attempts. */
const PAUSE = 50;

/**
 * Has systemd make a scope with a process in it; waits until it is done.
 *
 * @throws ContainerError with systemd's reason
 */
export async function startScope(
  { manager, unit, slice, properties }: CgroupScope,
  pid: number,
): Promise<void> {
  const all: Property[] = [
    ["Description", { type: "s", value: `Container ${unit}` }],
    ["Slice", { type: "s", value: slice }],
    ["Delegate", { type: "b", value: true }],
    // At shutdown the engine stops each container in its own way; with the
    // default dependencies, systemd would stop it first.
    ["DefaultDependencies", { type: "b", value: false }],
    // Without this, systemd keeps a failed scope for inspection.
    ["CollectMode", { type: "s", value: "inactive-or-failed" }],
    ["PIDs", { type: "au", value: [pid] }],
  ];
  const named = new Set(properties.map(([name]) => name));
  await asking(manager, `create the scope ${unit}`, async (bus) => {
    if (!manager.direct) await hearSignals(bus);
    await ask(bus, unit, [
      ...all.filter(([name]) => !named.has(name)),
      ...properties,
    ]);
  });
}

/**
 * Changes properties of an existing unit, until the unit is gone.
 *
 * @throws ContainerError with systemd's reason
 */
export async function setUnitProperties(
  manager: Manager,
  unit: string,
  properties: readonly Property[],
): Promise<void> {
  await asking(manager, `change the scope ${unit}`, async (bus) => {
    await bus.call({
      ...MANAGER,
      member: "SetUnitProperties",
      signature: "sba(sv)",
      body(writer) {
        writer.string(unit);
        // The change does not outlive a reboot.
        writer.uint32(1);
        writeProperties(writer, properties);
      },
    });
  });
}

async function asking(
  { socket, uid, direct }: Manager,
  what: string,
  work: (bus: Bus) => Promise<void>,
): Promise<void> {
  try {
    await withPatience(async () => {
      using bus = await Bus.connect(socket, uid, direct);
      await work(bus);
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ContainerError(`Cannot ${what} with systemd: ${reason}`, {
      hint: "See systemctl status and journalctl",
      cause,
    });
  }
}

/**
 * Tries again while an old unit of the same name exists: it may be ending, or
 * have failed.
 */
async function ask(
  bus: Bus,
  unit: string,
  properties: readonly Property[],
): Promise<void> {
  // Needed for the signal when the job has ended.
  await bus.call({ ...MANAGER, member: "Subscribe" });
  const end = performance.now() + GOING;
  for (;;) {
    try {
      return await askFor(bus, unit, properties);
    } catch (error) {
      const exists = error instanceof BusError &&
        error.error === "org.freedesktop.systemd1.UnitExists";
      if (!exists || performance.now() > end) throw error;
    }
    await resetFailed(bus, unit);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

async function resetFailed(bus: Bus, unit: string): Promise<void> {
  try {
    await bus.call({
      ...MANAGER,
      member: "ResetFailedUnit",
      signature: "s",
      body: (writer) => writer.string(unit),
    });
  } catch (error) {
    // It is gone by now, or has not failed.
    if (!(error instanceof BusError)) throw error;
  }
}

/** A bus forwards only signals that match a rule. */
async function hearSignals(bus: Bus): Promise<void> {
  await bus.call({
    destination: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    member: "AddMatch",
    signature: "s",
    body: (writer) =>
      writer.string(
        `type='signal',interface='${MANAGER.interface}',member='JobRemoved'`,
      ),
  });
}

async function askFor(
  bus: Bus,
  unit: string,
  properties: readonly Property[],
): Promise<void> {
  const ended: Incoming[] = [];
  const { words: [job] } = await bus.call({
    ...MANAGER,
    member: "StartTransientUnit",
    signature: "ssa(sv)a(sa(sv))",
    body(writer) {
      writer.string(unit);
      writer.string("fail");
      writeProperties(writer, properties);
      writer.array(8, () => {});
    },
  }, (message) => ended.push(message));
  for (;;) {
    const message = ended.shift() ?? await bus.receive();
    const [path, , result] = message.words;
    if (message.name !== "JobRemoved" || path !== job) continue;
    if (result === "done") return;
    throw new ContainerError(`its job ended as ${result}`);
  }
}

function writeProperties(
  writer: Writer,
  properties: readonly Property[],
): void {
  writer.array(8, () => {
    for (const [name, value] of properties) {
      writer.align(8);
      writer.string(name);
      writeVariant(writer, value);
    }
  });
}

function writeVariant(writer: Writer, { type, value }: Variant): void {
  writer.signature(type);
  switch (type) {
    case "s":
      return writer.string(value);
    case "b":
      return writer.uint32(Number(value));
    case "i":
    case "u":
      return writer.uint32(Number(BigInt.asUintN(32, BigInt(value))));
    case "x":
    case "t":
      return writer.uint64(BigInt(value));
    case "au":
      writer.array(4, () => value.forEach((word) => writer.uint32(word)));
  }
}

async function withPatience(work: () => Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer in ${PATIENCE / 1000} seconds`)),
      PATIENCE,
    );
  });
  try {
    await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
