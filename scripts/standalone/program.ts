/**
 * The program as a classic script, which is the form V8 keeps compiled code
 * for. Whoever runs it finds the program under this name.
 *
 * @module
 */
import { dispatch } from "../../cli/commands.ts";
import { exit, outcomeOf } from "../../cli/outcome.ts";
import type { Program } from "./load.ts";

const containerProgram: Program = {
  main: (args) => outcomeOf(() => dispatch(args)),
  exit,
};

Object.assign(globalThis, { containerProgram });
