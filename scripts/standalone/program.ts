/**
 * The entry module of the program, loaded from the text that scripts/_texts.ts
 * makes.
 *
 * @module
 */
import { dispatch } from "../../cli/commands.ts";
import { exit, outcomeOf } from "../../cli/outcome.ts";
import type { Program } from "./load.ts";

export const program: Program = {
  async main(args) {
    try {
      return await outcomeOf(() => dispatch(args));
    } finally {
      if (args[0] === "run") {
        (await import("../../launch/prelaunched.ts")).discardPrelaunched();
      }
    }
  },
  exit,
};
