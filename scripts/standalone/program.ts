/**
 * The program as a classic script, which is the form V8 keeps compiled code
 * for. Whoever runs it finds the program under this name.
 *
 * @module
 */
import { dispatch } from "../../cli/commands.ts";
import { exit, outcomeOf } from "../../cli/outcome.ts";
import { discardPrelaunched } from "../../launch/prelaunched.ts";
import type { Program } from "./load.ts";

const containerProgram: Program = {
  async main(args) {
    try {
      return await outcomeOf(() => dispatch(args));
    } finally {
      if (args[0] === "run") discardPrelaunched();
    }
  },
  exit,
};

Object.assign(globalThis, { containerProgram });
