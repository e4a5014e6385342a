/**
 * The part of the program for PID 1 of a container, in the form of program.ts.
 * It is a fifth of the whole, and the start of a container waits for it.
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
