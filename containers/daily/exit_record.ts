/**
 * How a container ended, as its keeper (launch/native/keeper.c) or the command in the
 * foreground writes it down. The room for it is taken before the container
 * starts: a full disk loses no status. Runs on the host.
 */

import { readFile } from "../../cgroup/apply.ts";
import type { ContainerRecord } from "../store/store.ts";
import { isFull } from "../store/record_file.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import type { End } from "../store/daily_record.ts";

const END = "exit";
/** As launch/native/keeper.c has it. */
const SIZE = 128;

/** How the process of a record ended. */
export function endOf(
  directory: string,
  { pid }: Pick<ContainerRecord, "pid">,
): End | null {
  const [of, code, finished = "", unwritten = 0] =
    readFile(`${directory}/${END}`)?.trim().split(" ") ?? [];
  if (pid === 0 || Number(of) !== pid) return null;
  return { code: Number(code), finished, unwritten: Number(unwritten) };
}

/** Takes the room for an end to come; that of the last one is used again. */
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
      `Cannot keep how a container ends in ${directory}: ${
        systemReason(cause)
      }`,
      { hint: "Make room there, or keep it elsewhere: --root.", cause },
    );
  }
}

/** Writes what a keeper would, where the command in the foreground waits. */
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
