/** container: argv to command, status to exit. */

import { dispatch } from "./cli/commands.ts";
import { exit, outcomeOf } from "./cli/outcome.ts";

exit(await outcomeOf(() => dispatch(Deno.args)));
