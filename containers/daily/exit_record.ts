/**
 * The record of a container's end, written by its keeper
 * (launch/native/keeper.c) or by the command in the foreground. Its space is
 * reserved before the container starts, so that a full disk loses no status.
 * Runs on the host, in the process of the command.
 */

import { readFile } from "../../cgroup/apply.ts";
import type { ContainerRecord } from "../store/store.ts";
import { isFull } from "../store/record_file.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import type { End } from "../store/daily_record.ts";

const END = "exit";
/** The same size as in launch/native/keeper.c. */
const SIZE = 128;

/** The end of the process in a record; null if it is not recorded. */
export function endOf(
  directory: string,
  { pid }: Pick<ContainerRecord, "pid">,
): End | null {
  const [of, code, finished = "", unwritten = 0] =
    readFile(`${directory}/${END}`)?.trim().split(" ") ?? [];
  if (pid === 0 || Number(of) !== pid) return null;
  return { code: Number(code), finished, unwritten: Number(unwritten) };
}

/**
 * Reserves the space for the next end, by reusing the file of the last one.
 *
 * @throws {ContainerError} if the disk is full
 */
export function reserveEnd(directory: string): void {
  const draft = `${directory}/${END}.new`;
  try {
    Deno.renameSync(`${directory}/${END}`, draft);
    return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    Deno.writeTextFileSync(draft, " ".repeat(SIZE), { mode: 0o600 });
  } catch (cause) {
    if (!isFull(cause)) throw cause;
    throw new ContainerError(
      `Cannot reserve space for the exit status in ${directory}: ${
        systemReason(cause)
      }`,
      {
        hint: "Free some space, or choose another directory with --root.",
        cause,
      },
    );
  }
}

/** Records the end from the command in the foreground, as a keeper would. */
export function writeEnd(directory: string, pid: number, code: number): void {
  const draft = `${directory}/${END}.new`;
  const text = `${pid} ${code} ${new Date().toISOString()}`;
  const file = Deno.openSync(draft, { write: true, create: true, mode: 0o600 });
  try {
    file.writeSync(new TextEncoder().encode(`${text.padEnd(SIZE - 1)}\n`));
  } finally {
    file.close();
  }
  Deno.renameSync(draft, `${directory}/${END}`);
}
