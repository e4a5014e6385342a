/**
 * Test files in virtual machines: side by side, each machine taking the next
 * file once it is done with one. A machine that hangs or dies costs the file
 * that it had; another takes its place.
 *
 * @module
 */
// @ts-types="../../types/std_path.d.ts"
import { join, relative } from "@std/path";
import { ROOT } from "../_files.ts";
import { write } from "../_report.ts";
import { Machine } from "../vm/machine.ts";
import {
  GUEST,
  GUEST_ENV,
  GUEST_PROGRAM,
  makeRepositoryDisk,
} from "../vm/repository.ts";
import { describe, tally } from "./junit.ts";
import type { FileResult } from "./lanes.ts";

/** A file that takes longer is hung: emulated, a test takes seconds. */
const MINUTES = 15;

/** A test file for a machine. */
export interface MachineFile {
  path: string;
  /** Its program is started from source, with a compiled one there or not. */
  fromSource: boolean;
}

/** Which machines run files. */
export interface MachinesOptions {
  /** What their lines begin with. */
  name: string;
  /** systemd is PID 1. */
  systemd?: boolean;
  /** The compiled program. */
  program?: string;
  /** How many at once. */
  lanes: number;
}

/** Runs test files in machines, in the order in which they are given. */
export async function runInMachines(
  files: readonly MachineFile[],
  { name, systemd, program, lanes }: MachinesOptions,
): Promise<FileResult[]> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.adopt(
    await Deno.makeTempDir({ prefix: "container-vm-" }),
    (path) => Deno.remove(path, { recursive: true }),
  );
  const disk = join(scratch, "disk");
  await makeRepositoryDisk(disk, { systemd, program });
  const results: FileResult[] = [];
  const waiting = [...files];
  const lane = async (_: unknown, index: number) => {
    let machine: Machine | null = null;
    try {
      for (let file = waiting.shift(); file; file = waiting.shift()) {
        machine ??= await Machine.start({ disk });
        const { result, off } = await runFile(
          machine,
          file,
          `${name} ${index + 1}`,
        );
        results.push(result);
        if (!off) continue;
        await machine[Symbol.asyncDispose]();
        machine = null;
      }
    } catch (error) {
      waiting.length = 0;
      throw error;
    } finally {
      await machine?.[Symbol.asyncDispose]();
    }
  };
  const length = Math.min(lanes, files.length);
  // All of them have ended before the disk goes.
  const ends = await Promise.allSettled(Array.from({ length }, lane));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return results;
}

/** In the guest. */
const REPORT = "/run/report.xml";

async function runFile(
  machine: Machine,
  { path, fromSource }: MachineFile,
  where: string,
): Promise<{ result: FileResult; off: boolean }> {
  const start = performance.now();
  const file = relative(ROOT, path);
  const timeout = MINUTES * 60_000;
  const { code, output } = await machine.run({
    words: [
      ...["deno", "test", "--allow-all", "--no-check", "--quiet"],
      ...["--cached-only", `--junit-path=${REPORT}`, file],
    ],
    cwd: GUEST,
    env: {
      ...GUEST_ENV,
      ...fromSource ? {} : { CONTAINER_BIN: GUEST_PROGRAM },
    },
    timeout,
  });
  const seconds = (performance.now() - start) / 1000;
  const report = code === null
    ? null
    : await machine.run({ words: ["cat", REPORT], timeout });
  const counted = tally(report?.output ?? null, code === 0);
  const name = fromSource ? `${file} from source` : file;
  const ended = code === null
    ? `The machine ended before its tests, after ${
      seconds.toFixed(0)
    } s. Its console:\n${await machine.console()}\n`
    : "";
  write(
    Deno.stdout,
    `${where}: ${name}: ${describe(counted)} (${seconds.toFixed(1)} s)\n${
      counted.failed ? output + ended : ""
    }`,
  );
  return { result: { name, tally: counted, seconds }, off: code === null };
}
