/**
 * The main module of a program that is compiled for the build alone: it runs a
 * container, and each of its two processes writes the code that V8 compiled
 * for it to standard output, in turn. The command inside is to write nothing.
 *
 * @module
 */
import { load, role } from "./load.ts";

function writeAll(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}

const { script, program } = load();
const status = await program.main(Deno.args);
const code = script.createCachedData();
const header = `${JSON.stringify({ role, length: code.length })}\n`;
writeAll(new TextEncoder().encode(header));
writeAll(code);
program.exit(status);
