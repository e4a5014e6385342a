/**
 * The measurement: finds the candidates that run here, then runs every
 * candidate once in each round, so that changes of the machine's speed affect
 * all of them equally.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { type Attempt, type Candidate, Unavailable } from "./candidate.ts";
import {
  type Command,
  complaint,
  peakKiB,
  run,
  time,
  timeSaid,
} from "./process.ts";
import { shuffled } from "./stats.ts";
import type { Workspace } from "./workspace.ts";

/** A candidate that has run successfully once. */
export interface Ready {
  candidate: Candidate;
  attempt: Attempt;
  version: string | null;
}

/** A candidate that cannot be measured. */
export interface Missing {
  candidate: Candidate;
  reason: string;
}

/** The measurements of one candidate. */
export interface Measured extends Ready {
  /** Milliseconds of each round; null if the exit status was not 0. */
  samples: (number | null)[];
  /** Milliseconds of the processors, as `samples`. */
  processor: (number | null)[];
  /** Peak resident set of its largest process; null if not measured. */
  peakKiB: number | null;
}

/** Counts all runs of the bench, because container ids must not repeat. */
let runs = 0;

function next(attempt: Attempt, workspace: Workspace): Command {
  const command = attempt.command(runs++);
  return { ...command, env: { ...workspace.env, ...command.env } };
}

/** Prepares a candidate and runs it once. */
export async function probe(
  candidate: Candidate,
  workspace: Workspace,
): Promise<Ready | Missing> {
  workspace.signal.throwIfAborted();
  const complaints: string[] = [];
  try {
    for (const attempt of await candidate.prepare(workspace)) {
      const command = next(attempt, workspace);
      await attempt.before?.();
      const result = await run(command, { signal: workspace.signal });
      if (result.code === 0) {
        return { candidate, attempt, version: await versionOf(candidate) };
      }
      complaints.push(complaint(result));
    }
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    complaints.push(error.message);
  }
  // The first attempt is the usual way to run it.
  return { candidate, reason: complaints[0] ?? "there is no way to run it" };
}

async function versionOf({ version }: Candidate): Promise<string | null> {
  if (version === undefined) return null;
  const { code, stdout } = await run({ argv: version });
  return code === 0 ? stdout.split("\n")[0]!.trim() : null;
}

/**
 * Runs the rounds, and afterwards measures memory, because its wrapper would
 * change the times.
 */
export async function measure(
  ready: readonly Ready[],
  workspace: Workspace,
  options: {
    rounds: number;
    warmup: number;
    gnuTime: string | null;
    progress?: (text: string) => void;
  },
): Promise<Measured[]> {
  const { rounds, warmup, gnuTime, progress } = options;
  const { signal } = workspace;
  const measured: Measured[] = ready.map((one) => ({
    ...one,
    samples: [],
    processor: [],
    peakKiB: null,
  }));
  for (let round = -warmup; round < rounds; round++) {
    progress?.(round < 0 ? "warm-up" : `round ${round + 1} of ${rounds}`);
    // In a fixed order each candidate would always follow the same one.
    for (const one of shuffled(measured)) {
      signal.throwIfAborted();
      const command = next(one.attempt, workspace);
      await one.attempt.before?.();
      const taken = one.attempt.saysTime
        ? await timeSaid(command, signal)
        : await time(command);
      if (round < 0) continue;
      one.samples.push(taken?.elapsed ?? null);
      one.processor.push(taken?.processor ?? null);
    }
  }
  if (gnuTime === null) return measured;
  const file = join(workspace.dir, "peak");
  for (const one of measured) {
    progress?.(`memory of ${one.candidate.name}`);
    for (let i = 0; i < 3; i++) {
      signal.throwIfAborted();
      await one.attempt.before?.();
      const peak = await peakKiB(next(one.attempt, workspace), gnuTime, file);
      if (peak !== null) one.peakKiB = Math.max(one.peakKiB ?? 0, peak);
    }
  }
  return measured;
}
