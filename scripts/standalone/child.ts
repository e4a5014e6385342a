/**
 * The part of the program that PID 1 of a container runs, in the same form as
 * program.ts: a fifth of it, and it is waited for.
 *
 * @module
 */
import { childCommand } from "../../cli/child.ts";
import { exit, outcomeOf } from "../../cli/outcome.ts";
import type { Program } from "./load.ts";

const containerProgram: Program = {
  main: ([, ...args]) => outcomeOf(() => childCommand.execute(args)),
  exit,
};

Object.assign(globalThis, { containerProgram });
