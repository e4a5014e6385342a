/**
 * What tests of the flags that limit have in common: a container that waits
 * while its cgroup is looked at.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { readHierarchy } from "../../cgroup/mod.ts";
import { mountOf } from "../../cgroup/hierarchy.ts";
import { stateDirectory } from "../../containers/run/state_directory.ts";
import { type Mode, testBoth } from "../_harness.ts";

export const MB = 1 << 20;
export const hierarchy = readHierarchy();

export const same = (name: string) => ({ v1: name, v2: name });
export const BLOCK = { v1: "blkio", v2: "io" };

/** The tree that has a controller, or why a test has to be skipped. */
export function lacks(names: { v1: string; v2: string }): string | null {
  return mountOf(hierarchy, names)
    ? null
    : `this machine has no ${names.v1} controller`;
}

/** A cgroup as its record has it. */
interface Group {
  version: 1 | 2;
  controllers: string[];
  path: string;
}

/** The cgroups of the container that a parent has made. */
export function groupsOf(parent: number): Group[] {
  const directory = `${stateDirectory()}/cgroups`;
  for (const { name } of Deno.readDirSync(directory)) {
    if (!name.endsWith(".json")) continue;
    const record = JSON.parse(Deno.readTextFileSync(`${directory}/${name}`));
    if (record.owner.pid === parent) return record.groups;
  }
  throw new Error(`There is no record of a cgroup of ${parent}`);
}

/** A file of a container's cgroup. */
export function readLimit(parent: number, file: string): string {
  const group = groupsOf(parent).find(({ path }) => exists(`${path}/${file}`));
  if (!group) throw new Error(`No cgroup has ${file}`);
  return Deno.readTextFileSync(`${group.path}/${file}`).trim();
}

/** `run FLAGS sh -c SCRIPT`, to its end. */
export const shell = (mode: Mode, flags: string, script: string) =>
  mode.run([...flags.split(" "), "sh", "-c", script]);

/** Starts a container that waits for a line, and looks at it meanwhile. */
export async function whileWaiting(
  mode: Mode,
  flags: string[],
  look: (parent: number) => void | Promise<void>,
): Promise<void> {
  await using session = mode.startRun(
    ...flags,
    "sh",
    "-c",
    "echo ready; read line; exit 0",
  );
  await session.expect(/ready\n/);
  await look(session.pid);
  await session.send("\n");
  assertEquals(await session.end(), 0);
}

/** Whether there is something at a path. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Declares tests of one set of cgroups, in both modes, where a controller is there. */
export function declare(label: string) {
  return (
    name: string,
    names: { v1: string; v2: string },
    fn: (mode: Mode) => Promise<void>,
    skip: string | null = null,
  ) => testBoth(`${label}: ${name}`, fn, { skip: skip ?? lacks(names) });
}
