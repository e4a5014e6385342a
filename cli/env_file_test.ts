// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../spec/errors.ts";
import { parseEnvFile } from "./env_file.ts";

const parse = (text: string) =>
  parseEnvFile(text, "FILE", (key) => key === "CALLER" ? "its" : null);

Deno.test("parseEnvFile() reads lines as docker does", () => {
  assertEquals(
    parse("\ufeffA=1\r\n\n  # comment\n\tB= two words \r\nC=\nD='x'=y\n"),
    [["A", "1"], ["B", " two words "], ["C", ""], ["D", "'x'=y"]],
  );
  assertEquals(parse("CALLER\nMISSING\n"), [["CALLER", "its"]]);
  assertEquals(parse(""), []);
});

Deno.test("parseEnvFile() names the file and the line of a wrong name", () => {
  for (
    const [line, fault] of [
      ["export B=1", "export is a word of shells"],
      ["B =1", 'the name "B " has a blank'],
      ["a b", 'the name "a b" has a blank'],
      ["=1", "the name of the variable is missing"],
      ["B=1\0", "it has a NUL byte"],
      ["B\0=1", "it has a NUL byte"],
    ] as const
  ) {
    const { message } = assertThrows(() => parse(`A=1\n${line}`), UsageError);
    assertEquals(message, `--env-file FILE: line 2: ${fault}`);
  }
});
