/** The type of a candidate: a program that the bench measures. */
import type { Command } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** One way to run a candidate. */
export interface Attempt {
  /** The command of the n-th run. Runtimes need a new id for each. */
  command(n: number): Command;
  /**
   * The command runs many containers and prints the milliseconds of one on
   * standard output. That number is the sample.
   */
  saysTime?: true;
  /** Makes the next run the same as the first; it is not measured. */
  before?(): Promise<void>;
  /** What a reader of the results must know. */
  note?: string;
}

/** A program that runs /bin/true, with or without isolation. */
export interface Candidate {
  /** The name for `--only` and for the targets. */
  name: string;
  /** The name in the report. */
  label: string;
  /** The candidate that measures the bare start of the same build. */
  bare?: string;
  /** The other program's candidate that does the same. */
  peer?: string;
  /** A command that prints the version on its first line. */
  version?: readonly string[];
  /**
   * Builds what the candidate needs and returns the ways to run it, the best
   * first. The first one that succeeds is measured. Throws `Unavailable` if
   * there is none.
   */
  prepare(workspace: Workspace): Promise<Attempt[]>;
}

/** Why a candidate cannot be measured here. */
export class Unavailable extends Error {
  override name = "Unavailable";
}
