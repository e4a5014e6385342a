/** The main module of the compiled program. */

import { codeFile, load, role } from "./load.ts";

function readCode(): Uint8Array | undefined {
  try {
    return Deno.readFileSync(new URL(codeFile(role), Deno.mainModule));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const { program } = load(readCode());
program.exit(await program.main(Deno.args));
