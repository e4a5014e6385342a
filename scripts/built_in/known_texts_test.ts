/** Texts that are known at build time are those of the program. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { dispatch } from "../../cli/commands.ts";
import { knownTexts } from "./known_texts.ts";

/** What a command line prints to standard output. */
async function printed(words: readonly string[]): Promise<string> {
  const stdout: { writeSync(bytes: Uint8Array): number } = Deno.stdout;
  const write = stdout.writeSync;
  let text = "";
  stdout.writeSync = (bytes) => {
    text += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    assertEquals(await dispatch(words), 0, words.join(" "));
  } finally {
    stdout.writeSync = write;
  }
  return text;
}

Deno.test("knownTexts() has the output of each of its command lines", async () => {
  for (const { lines, text } of await knownTexts()) {
    for (const words of lines) {
      assertEquals(await printed(words), text, words.join(" "));
    }
  }
});
