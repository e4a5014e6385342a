/**
 * The limits that work relative to other containers, as properties of the unit
 * that contains the cgroup. A weight is compared with the unit's siblings, and
 * memory is protected only as far as every cgroup above protects it. Pure. See
 * systemd.resource-control(5).
 *
 * @module
 */

import type { Property } from "./dbus.ts";
import type { CgroupStep } from "../step.ts";

/** Properties by the v2 file that has the same meaning. */
const PROPERTIES: Record<string, string | undefined> = {
  "cpu.weight": "CPUWeight",
  "io.weight": "IOWeight",
  "memory.low": "MemoryLow",
  "memory.min": "MemoryMin",
  "pids.max": "TasksMax",
};

const NO_LIMIT = String(0xffff_ffff_ffff_ffffn);

/** The written values that the unit needs too, as properties. */
export function unitProperties(steps: readonly CgroupStep[]): Property[] {
  return steps.flatMap((step): Property[] => {
    if (step.step !== "writeHostFile") return [];
    // systemd writes io.weight and not bfq's own file.
    const { path, value } = step.instead ?? step;
    const { [path.slice(path.lastIndexOf("/") + 1)]: name } = PROPERTIES;
    const [, number] = value.match(/^(?:default )?(max|\d+)$/) ?? [];
    if (name === undefined || number === undefined) return [];
    return [[name, {
      type: "t",
      // The limit applies to the command; the unit contains a process of ours
      // too. Its default, DefaultTasksMax, may be lower than the limit.
      value: number === "max" || name === "TasksMax" ? NO_LIMIT : number,
    }]];
  });
}

const ANNOTATION = "org.systemd.property.";

/**
 * The properties in annotations: `org.systemd.property.NAME` with the value in
 * GVariant's text form, as in runc.
 *
 * @throws RangeError with the reason
 */
export function annotatedProperties(
  annotations: Record<string, string> = {},
): Property[] {
  return Object.entries(annotations).flatMap(([key, text]): Property[] => {
    if (!key.startsWith(ANNOTATION)) return [];
    const name = key.slice(ANNOTATION.length);
    if (!/^[A-Z][A-Za-z]{2,}$/.test(name)) {
      throw new RangeError(`${key} is not a systemd property`);
    }
    const variant = parseVariant(text.trim());
    if (!variant) {
      throw new RangeError(
        `${key}: expected a string in quotes, true, false or a number, found ${text}`,
      );
    }
    // Unit files have names with `…Sec`; D-Bus has microseconds only.
    const seconds = /Sec$/.test(name) && !/USec$/.test(name);
    if (!seconds) return [[name, variant]];
    if (!/^[iuxt]$/.test(variant.type)) {
      throw new RangeError(`${key}: expected a number of seconds`);
    }
    const value = String(BigInt(variant.value as string) * 1_000_000n);
    return [[name.replace(/Sec$/, "USec"), { type: "t", value }]];
  });
}

function parseVariant(text: string): Property[1] | null {
  const [, single, double] = text.match(/^(?:'([^']*)'|"([^"]*)")$/) ?? [];
  const string = single ?? double;
  if (string !== undefined) return { type: "s", value: string };
  if (text === "true" || text === "false") {
    return { type: "b", value: text === "true" };
  }
  const [, kind = "int32", number] =
    text.match(/^(?:(int32|uint32|int64|uint64) )?(-?\d+)$/) ?? [];
  if (number === undefined) return null;
  const type = ({ int32: "i", uint32: "u", int64: "x", uint64: "t" } as const)[
    kind as "int32"
  ];
  return { type, value: number };
}
