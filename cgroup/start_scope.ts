/**
 * Has systemd make a scope, through its D-Bus interface. Runs on the host, in
 * the parent. See org.freedesktop.systemd1(5).
 *
 * @module
 */

import { ContainerError } from "../spec/errors.ts";
import { Bus, type Incoming, type Variant } from "./dbus.ts";
import type { Writer } from "./dbus_wire.ts";
import type { CgroupScope } from "./step.ts";
import { SYSTEM_BUS } from "./systemd.ts";

const MANAGER = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
} as const;

/** How long systemd may take, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Has systemd make a scope with a process in it, and waits until it has.
 *
 * @throws ContainerError with systemd's reason
 */
export async function startScope(
  { unit, slice }: CgroupScope,
  pid: number,
): Promise<void> {
  try {
    await withPatience(async () => {
      using bus = await Bus.connect(SYSTEM_BUS, Deno.uid() ?? 0);
      await askFor(bus, unit, [
        ["Description", { type: "s", value: `Container ${unit}` }],
        ["Slice", { type: "s", value: slice }],
        ["Delegate", { type: "b", value: true }],
        // A scope that failed is not to be kept for somebody to look at.
        ["CollectMode", { type: "s", value: "inactive-or-failed" }],
        ["PIDs", { type: "au", value: [pid] }],
      ]);
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ContainerError(
      `Cannot have systemd make the scope ${unit}: ${reason}`,
      { hint: "See systemctl status, and journalctl", cause },
    );
  }
}

async function askFor(
  bus: Bus,
  unit: string,
  properties: [string, Variant][],
): Promise<void> {
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
  await bus.call({ ...MANAGER, member: "Subscribe" });
  const ended: Incoming[] = [];
  const { words: [job] } = await bus.call({
    ...MANAGER,
    member: "StartTransientUnit",
    signature: "ssa(sv)a(sa(sv))",
    body(writer) {
      writer.string(unit);
      writer.string("fail");
      writer.array(8, () => {
        for (const [name, value] of properties) {
          writer.align(8);
          writer.string(name);
          writeVariant(writer, value);
        }
      });
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

function writeVariant(writer: Writer, { type, value }: Variant): void {
  writer.signature(type);
  if (type === "s") writer.string(value);
  else if (type === "b") writer.uint32(Number(value));
  else writer.array(4, () => value.forEach((word) => writer.uint32(word)));
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
