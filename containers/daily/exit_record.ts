/**
 * The record of a container's end, written by its keeper
 * (launch/native/keeper.c) or by the command in the foreground. A step of the
 * host phase has reserved its space (launch/host/end_file.ts). Runs on the host,
 * in the process of the command.
 */

import { readFile } from "../../cgroup/apply.ts";
import type { ContainerRecord } from "../store/store.ts";
import { END_SIZE } from "../../launch/host/end_file.ts";
import type { End } from "../store/daily_record.ts";

const END = "exit";

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

/** Records the end from the command in the foreground, as a keeper would. */
export function writeEnd(directory: string, pid: number, code: number): void {
  const draft = `${directory}/${END}.new`;
  const text = `${pid} ${code} ${new Date().toISOString()}`;
  const file = Deno.openSync(draft, { write: true, create: true, mode: 0o600 });
  try {
    file.writeSync(new TextEncoder().encode(`${text.padEnd(END_SIZE - 1)}\n`));
  } finally {
    file.close();
  }
  Deno.renameSync(draft, `${directory}/${END}`);
}
