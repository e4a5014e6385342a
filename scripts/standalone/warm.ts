/**
 * The main module of a program that is compiled for the build alone: it runs or
 * creates a container, and each of its processes writes the code that V8
 * compiled for it to standard output, in turn, with the names of the modules it
 * used. The command inside is to write nothing.
 *
 * @module
 */
import { load, role, usedModules } from "./load.ts";

function writeAll(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}

/** What engines do with a container that is created, and its end. */
async function goOn(words: readonly string[]): Promise<void> {
  const [before, id] = [words.slice(0, words.indexOf("create")), words.at(-1)!];
  await program.main([...before, "exec", id, "/bin/true"]);
  await program.main([...before, "delete", "--force", id]);
}

const { script, program } = load();
const status = await program.main(Deno.args);
if (role === "engine") await goOn(Deno.args);
const code = script.createCachedData();
const header = { role, modules: usedModules(), length: code.length };
writeAll(new TextEncoder().encode(`${JSON.stringify(header)}\n`));
writeAll(code);
program.exit(status);
