/** The main module of the compiled program. */

import { load } from "./load.ts";

const { program } = load();
program.exit(await program.main(Deno.args));
