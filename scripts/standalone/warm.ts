/**
 * The main module of a program that is compiled for the build alone: it runs or
 * creates a container, and each of its processes writes the code that V8
 * compiled for it to standard output, in turn, with the names of the modules it
 * used. The command inside is to write nothing.
 *
 * @module
 */
import { load, type Role, role, usedModules } from "./load.ts";

function writeAll(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}

/** What else the role is for, after the command line that it was given. */
const FURTHER: Partial<Record<Role, (words: readonly string[]) => string[][]>> =
  {
    /** Without a program of ours inside, and with a limit. */
    run: ([word, ...rest]) => [[word!, "--no-init", "-m", "64m", ...rest]],
    /** What engines do with a container that is created, and its end. */
    engine(words) {
      const before = words.slice(0, words.indexOf("create"));
      const id = words.at(-1)!;
      return [
        [...before, "exec", id, "/bin/true"],
        [...before, "delete", "--force", id],
      ];
    },
  };

const { script, program } = load();
const status = await program.main(Deno.args);
for (const words of FURTHER[role]?.(Deno.args) ?? []) await program.main(words);
const code = script.createCachedData();
const header = { role, modules: usedModules(), length: code.length };
writeAll(new TextEncoder().encode(`${JSON.stringify(header)}\n`));
writeAll(code);
program.exit(status);
