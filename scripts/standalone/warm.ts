/**
 * The main module of a program that is compiled only for the build. It runs or
 * creates a container. Each of its processes writes the code that V8 has
 * compiled for it to standard output, one after another, with the names of the
 * modules it used. The command inside must not write anything.
 *
 * @module
 */
import { load, type Role, role, usedModules } from "./load.ts";

function writeAll(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}

const before = (words: readonly string[], command: string) =>
  words.slice(0, words.indexOf(command));

/** Other command lines of the same role, which follow the given one. */
const FURTHER: Partial<Record<Role, (words: readonly string[]) => string[][]>> =
  {
    /** Without `init`, and with a limit. */
    run: ([word, ...rest]) => [[word!, "--no-init", "-m", "64m", ...rest]],
    /** The removal of the container. */
    exec: (words) => [[
      ...before(words, "exec"),
      "delete",
      "--force",
      words.at(-2)!,
    ]],
  };

const { script, program } = load();
const status = await program.main(Deno.args);
for (const words of FURTHER[role]?.(Deno.args) ?? []) await program.main(words);
const code = script.createCachedData();
const header = { role, modules: usedModules(), length: code.length };
writeAll(new TextEncoder().encode(`${JSON.stringify(header)}\n`));
writeAll(code);
// Start another process of the program, which has another role.
if (role === "create") {
  const args = [...before(Deno.args, role), "exec", Deno.args.at(-1)!];
  await new Deno.Command(Deno.execPath(), {
    args: [...args, "/bin/true"],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
}
program.exit(status);
