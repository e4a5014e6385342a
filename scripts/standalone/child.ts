/**
 * The part of the program that PID 1 of a container runs, like program.ts: a
 * fifth of it, and it is waited for.
 *
 * @module
 */
import { childCommand } from "../../cli/child.ts";
import { exit, outcomeOf } from "../../cli/outcome.ts";
import type { Program } from "./load.ts";

export const program: Program = {
  main: ([, ...args]) => outcomeOf(() => childCommand.execute(args)),
  exit,
};
