/**
 * The entry module of the program, loaded from the text that scripts/_texts.ts
 * makes.
 *
 * @module
 */
import { dispatch } from "../../cli/commands.ts";
import { exit, outcomeOf } from "../../cli/outcome.ts";
import { ownWords } from "../../ffi/environment.ts";
import type { Program } from "./load.ts";

export const program: Program = {
  main: (args) => outcomeOf(() => dispatch(ownWords(args))),
  exit,
};
