/**
 * Shared by the tests of flags for limits: a container that waits while its
 * cgroup is inspected.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { readHierarchy } from "../../cgroup/mod.ts";
import { mountOf } from "../../cgroup/hierarchy.ts";
import { cgroupsIn, recordsOf } from "../_undo_files.ts";
import { type Mode, testBoth } from "../_harness.ts";

export const MB = 1 << 20;
export const hierarchy = readHierarchy();

export const same = (name: string) => ({ v1: name, v2: name });
export const BLOCK = { v1: "blkio", v2: "io" };

/** Why a test must be skipped because no tree has the controller, or null. */
export function lacks(names: { v1: string; v2: string }): string | null {
  return mountOf(hierarchy, names)
    ? null
    : `this machine has no ${names.v1} controller`;
}

/** The cgroups of the container that a parent has made. */
export function groupsOf(parent: number): { version: 1 | 2; path: string }[] {
  const [record] = recordsOf(parent).records;
  if (record) return cgroupsIn(record);
  throw new Error(`There is no record of a cgroup of ${parent}`);
}

/** Reads a file of a container's cgroup. */
export function readLimit(parent: number, file: string): string {
  const group = groupsOf(parent).find(({ path }) => exists(`${path}/${file}`));
  if (!group) throw new Error(`No cgroup has ${file}`);
  return Deno.readTextFileSync(`${group.path}/${file}`).trim();
}

/** Runs `run FLAGS sh -c SCRIPT` until it ends. */
export const shell = (mode: Mode, flags: string, script: string) =>
  mode.run([...flags.split(" "), "sh", "-c", script]);

/** Starts a container that waits for a line, and inspects it meanwhile. */
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

/** Whether a path exists. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Declares tests for a set of cgroups, in both modes, if the controller exists. */
export function declare(label: string) {
  return (
    name: string,
    names: { v1: string; v2: string },
    fn: (mode: Mode) => Promise<void>,
    skip: string | null = null,
  ) => testBoth(`${label}: ${name}`, fn, { skip: skip ?? lacks(names) });
}
