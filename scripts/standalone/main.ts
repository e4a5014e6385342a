/** The main module of the compiled program: loads the program and runs it. */
import { load } from "./load.ts";

const program = load();
program.exit(await program.main(Deno.args));
