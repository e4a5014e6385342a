/**
 * The program `container`: carries out the command line and exits with its
 * status. Runs in the process the user started, and in PID 1 of a container
 * (`container child`).
 */

import { closeDebugger } from "./launch/attend/debugger.ts";
import { dispatch } from "./cli/commands.ts";
import { exit, outcomeOf } from "./cli/outcome.ts";
import { ownWords } from "./ffi/environment.ts";

exit(
  await outcomeOf(() => {
    closeDebugger();
    return dispatch(ownWords(Deno.args));
  }),
);
