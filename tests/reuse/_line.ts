/** Runs whose plan is reused when the same command line is run again. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { stateDirectory } from "../../containers/run/state_directory.ts";
import { execute, type Options, type Result } from "../_harness.ts";
import { hasRuntime, program } from "../_plain.ts";
import { namesIn } from "../_undo_files.ts";

/** The directory of root's plans. */
export const plansDirectory = () => `${stateDirectory()}/plans`;

/** The plans, with drafts. */
export const plans = () => namesIn(plansDirectory());

/** A command line whose plan may be reused. */
export class Line {
  readonly words: readonly string[];

  constructor(
    root: string,
    flags: readonly string[],
    command: readonly string[],
    readonly options: Options = {},
  ) {
    this.words = [
      ...[program, "run", "-q", "--rootfs", root, ...flags],
      ...command,
    ];
  }

  #options(options: Options, reuse = "1"): Options {
    const { env } = { ...this.options, ...options };
    return {
      ...this.options,
      ...options,
      env: { ...env, CONTAINER_REUSE: reuse },
    };
  }

  #words(options: Options) {
    const { before = [] } = { ...this.options, ...options };
    return [...before, ...this.words];
  }

  /** Runs it without a plan. */
  fresh(options: Options = {}): Promise<Result> {
    return execute(this.#words(options), this.#options(options, "0"));
  }

  /** Runs it; reuses a plan or keeps one. */
  run(options: Options = {}): Promise<Result> {
    return execute(this.#words(options), this.#options(options));
  }

  /** Runs it, and tells whether Deno was started. */
  startsDeno(options: Options = {}): Promise<boolean> {
    return hasRuntime(this.words, {
      ...this.#options(options),
      before: { ...this.options, ...options }.before,
    });
  }

  /**
   * Runs it, and tells whether no plan was written. Deno, if it starts, writes
   * one, unless that would have the same bytes. Quicker than to trace it.
   */
  async leavesPlans(options: Options = {}): Promise<boolean> {
    const before = inodes();
    await this.run(options);
    return before === inodes();
  }

  /** Runs it until the next run reuses the plan. */
  async keep(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      if (await this.leavesPlans()) break;
    }
    assertEquals(await this.startsDeno(), false, this.words.join(" "));
  }
}

/** Differs if a plan is new. */
const inodes = () =>
  plans().map((name) =>
    `${name} ${Deno.lstatSync(`${plansDirectory()}/${name}`).ino}`
  ).sort().join();
