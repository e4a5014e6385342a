/** What the bench can measure: the shape every candidate has. */
import type { Command } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** One way to run a candidate. */
export interface Attempt {
  /** The command of the n-th run; runtimes want a fresh id for each. */
  command(n: number): Command;
  /** It runs many and prints the milliseconds of one on standard output: that is the sample. */
  saysTime?: true;
  /** What a reader of the figures has to know. */
  note?: string;
}

/** Something that runs /bin/true, more or less contained. */
export interface Candidate {
  /** For `--only` and the targets. */
  name: string;
  /** For people. */
  label: string;
  /** The candidate that is the bare start of the same build. */
  bare?: string;
  /** Prints a version on its first line. */
  version?: readonly string[];
  /**
   * Builds what it needs and returns the ways to run it, best first: the first
   * that succeeds is measured. Throws `Unavailable` when there is none.
   */
  prepare(workspace: Workspace): Promise<Attempt[]>;
}

/** Why a candidate cannot be measured here. */
export class Unavailable extends Error {
  override name = "Unavailable";
}
