/** Properties that all commands with names have in common. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { type Command, commandHelp } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { UsageError } from "../spec/errors.ts";
import { HelpRequested, UnknownFlag } from "./flags.ts";

/**
 * The words after the name are the container's command, or options of ps(1).
 */
const ENDS_AT_NAME = ["run", "explain", "exec", "ps", "top", "unshare"];
const FLAGS_ALONE = ["doctor", "load", "list", "prune", "spec", "features"];
/** The first word of a group is another command. */
const GROUPS = ["image", "network", "volume", "system"];
/** The word `-` stands for a standard stream. */
const STREAMS = ["cp", "import"];
const NOT_MEANT = ["completion", "man", "child", "ended", "fetch"];

const NAMED = COMMANDS.filter(({ name }) =>
  ![...ENDS_AT_NAME, ...FLAGS_ALONE, ...GROUPS, ...NOT_MEANT].includes(name)
);

/** Executes a command with words that are refused before anything is done. */
const executed = (command: Command, ...words: string[]) =>
  Promise.resolve().then(() => command.execute(words));

Deno.test("a command with names refuses an unknown flag before and after the names", async () => {
  assertEquals(NAMED.length > 20, true);
  for (const { name, load } of NAMED) {
    const command = await load();
    const refused = (...words: string[]) =>
      assertRejects(() => executed(command, ...words), UnknownFlag, "", name);
    const before = await refused("--nope", "web");
    const after = await refused("web", "--nope");
    assertEquals([before.message, before.hint], [
      "Unknown flag --nope",
      `See container ${name} --help.`,
    ]);
    assertEquals([after.message, after.hint], [before.message, before.hint]);
    await refused("web", "-%");
    if (!STREAMS.includes(name)) await refused("web", "-");
    await assertRejects(
      () => executed(command, "web", "--help"),
      HelpRequested,
      "",
      name,
    );
  }
});

Deno.test("a command without names refuses every word", async () => {
  for (const { name, load } of COMMANDS) {
    if (!FLAGS_ALONE.includes(name)) continue;
    const command = await load();
    await assertRejects(
      () => executed(command, "web"),
      Error,
      `Unexpected word web: ${name} takes flags only`,
    );
  }
});

Deno.test("the help of a command with names mentions them", async () => {
  for (const { name, load } of NAMED) {
    const help = commandHelp(await load());
    assertEquals(
      /Usage: .*\b(CONTAINER|ID|IMAGE|REPOSITORY|REGISTRY)\b/.test(help),
      true,
      name,
    );
  }
});

Deno.test("a group refuses a word that is none of its commands", async () => {
  for (const { name, load } of COMMANDS) {
    if (!GROUPS.includes(name)) continue;
    const group = await load();
    await assertRejects(() => executed(group, "web"), UsageError, name);
    await assertRejects(() => executed(group), HelpRequested);
    await assertRejects(() => executed(group, "--help"), HelpRequested);
  }
});
