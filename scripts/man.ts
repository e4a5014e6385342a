/**
 * `deno task man`: writes the manual pages of the program and of all commands
 * to a directory, by default ./man/man1.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { COMMANDS } from "../cli/commands.ts";
import { commandPage, programPage } from "../cli/shell/man.ts";
import { shownCommands } from "../cli/shell/table.ts";
import { ROOT } from "./_files.ts";
import { runScript, speaker } from "./_report.ts";

async function main([directory = join(ROOT, "man/man1")]: readonly string[]) {
  await Deno.mkdir(directory, { recursive: true });
  const commands = await shownCommands(COMMANDS);
  const pages = [
    ["container", programPage(commands)] as const,
    ...commands.map((command) =>
      [`container-${command.name}`, commandPage(command)] as const
    ),
  ];
  for (const [name, text] of pages) {
    await Deno.writeTextFile(join(directory, `${name}.1`), text);
  }
  speaker("man")(`${pages.length} pages in ${directory}`);
  return 0;
}

if (import.meta.main) {
  Deno.exit(await runScript("man", () => main(Deno.args)));
}
