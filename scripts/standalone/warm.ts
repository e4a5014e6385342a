/**
 * The main module of a program that is compiled for the build alone: it runs a
 * container, and each of its two processes writes the code that V8 compiled
 * for it to standard output, in turn. The command inside is to write nothing.
 * Before that it creates one as engines do, of the bundle that is named, if
 * any: what that takes is compiled too.
 *
 * @module
 */
import { load, role } from "./load.ts";

function writeAll(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}

/** A failure is told by the run that comes next. */
async function createOne(bundle: string): Promise<void> {
  const call = (...words: string[]) =>
    program.main(["--root", `${bundle}/state`, ...words]);
  await call("create", "--bundle", bundle, "warm-up");
  await call("delete", "--force", "warm-up");
}

const { script, program } = load();
const bundle = Deno.env.get("WARM_UP_BUNDLE");
if (role === "program" && bundle) await createOne(bundle);
const status = await program.main(Deno.args);
const code = script.createCachedData();
const header = `${JSON.stringify({ role, length: code.length })}\n`;
writeAll(new TextEncoder().encode(header));
writeAll(code);
program.exit(status);
