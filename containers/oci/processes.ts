/**
 * ps: lists the processes of a container by their pids on the host. Runs on the
 * host, in the ps command.
 */

import { ContainerError } from "../../spec/errors.ts";
import { membersOf } from "./members.ts";
import type { Store } from "../store/store.ts";

/** The pids of a container; none after it has stopped. */
export function processesOf(store: Store, id: string): number[] {
  using entry = store.look(id);
  return membersOf(entry);
}

/**
 * The output of the host's ps(1) for these pids, with options of the user.
 *
 * @throws {ContainerError} if ps is missing or fails
 */
export async function listProcesses(
  pids: readonly number[],
  options: readonly string[],
): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("ps", {
      args: options.length ? [...options] : ["-ef"],
      stdin: "null",
    }).output();
  } catch (cause) {
    throw new ContainerError("Cannot list the processes: ps is not installed", {
      hint: "Install procps, or print only the PIDs with --format json.",
      cause,
    });
  }
  const { success, stdout, stderr } = output;
  const decoder = new TextDecoder();
  if (!success) {
    throw new ContainerError(
      `Cannot list the processes: ps: ${decoder.decode(stderr).trim()}`,
      { hint: "Print only the PIDs with --format json." },
    );
  }
  const [head = "", ...lines] = decoder.decode(stdout).trimEnd().split("\n");
  const column = head.trim().split(/\s+/).indexOf("PID");
  if (column < 0) {
    throw new ContainerError(
      "Cannot list the processes: the output of ps has no PID column",
      {
        hint: "Add the column, for example: -o pid,cmd.",
      },
    );
  }
  const wanted = new Set(pids.map(String));
  return [
    head,
    ...lines.filter((line) => wanted.has(line.trim().split(/\s+/)[column]!)),
  ].join("\n");
}
