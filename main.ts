/** container: argv to command, status to exit. */

import { closeDebugger } from "./launch/attend/debugger.ts";
import { dispatch } from "./cli/commands.ts";
import { exit, outcomeOf } from "./cli/outcome.ts";

exit(
  await outcomeOf(() => {
    closeDebugger();
    return dispatch(Deno.args);
  }),
);
