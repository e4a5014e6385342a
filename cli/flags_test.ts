/** Flags: parsed, refused, and what they mean. */
// @ts-types="../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UsageError } from "../spec/errors.ts";
import { closestString } from "./closest.ts";
import { type Flag, flagHelp, HelpRequested, parseFlags } from "./flags.ts";
import { RUN_FLAGS, specFromFlags } from "./run_flags.ts";

const FLAGS: Flag[] = [
  { name: "env", short: "e", value: "K=V", help: "" },
  { name: "quiet", short: "q", help: "" },
  { name: "debug", short: "d", help: "" },
];

const parse = (...argv: string[]) => parseFlags(FLAGS, argv, "container x");
const parsed = (...argv: string[]) => {
  const { given, rest } = parse(...argv);
  return [given, rest];
};

Deno.test("parseFlags() stops at the first word that is no flag", () => {
  assertEquals(parsed("-q", "ls", "-q"), [[["quiet", "true"]], ["ls", "-q"]]);
});

Deno.test("parseFlags() stops at -- and leaves it out", () => {
  assertEquals(parsed("-q", "--", "-q"), [[["quiet", "true"]], ["-q"]]);
  assertEquals(parsed("--", "--"), [[], ["--"]]);
});

Deno.test("parseFlags() takes a lone dash as a word", () => {
  assertEquals(parsed("-", "-q"), [[], ["-", "-q"]]);
});

Deno.test("parseFlags() takes a value in every spelling", () => {
  for (
    const argv of [["--env", "A=1"], ["--env=A=1"], ["-e", "A=1"], ["-eA=1"], [
      "-e=A=1",
    ], ["-env", "A=1"]]
  ) assertEquals(parse(...argv).given, [["env", "A=1"]], argv.join(" "));
});

Deno.test("parseFlags() takes a value that looks like a flag, is empty, or has lines", () => {
  assertEquals(parse("-e", "-q").given, [["env", "-q"]]);
  assertEquals(parse("--env=").given, [["env", ""]]);
  assertEquals(parse("--env=a\nb").given, [["env", "a\nb"]]);
});

Deno.test("parseFlags() takes short flags in a cluster, the last with a value", () => {
  assertEquals(parse("-qde", "A=1").given, [
    ["quiet", "true"],
    ["debug", "true"],
    ["env", "A=1"],
  ]);
});

Deno.test("parseFlags() takes true and false for a switch and nothing else", () => {
  assertEquals(parse("--quiet=false").has("quiet"), false);
  assertEquals(parse("--quiet=true").has("quiet"), true);
  assertThrows(() => parse("--quiet=no"), UsageError, "true or false");
});

Deno.test("parseFlags() keeps the order, last() the last, all() all", () => {
  const flags = parse("-e", "A", "-q", "-e", "B");
  assertEquals(flags.last("env"), "B");
  assertEquals(flags.all("env"), ["A", "B"]);
  assertEquals(flags.last("debug"), undefined);
});

Deno.test("parseFlags() refuses what it does not know and names the nearest", () => {
  const error = assertThrows(() => parse("--quite"), UsageError, "--quite");
  assertStringIncludes(error.hint!, "--quiet");
  assertThrows(() => parse("-x"), UsageError, "Unknown flag -x");
  assertThrows(() => parse("-qx"), UsageError, "Unknown flag -qx");
});

Deno.test("parseFlags() refuses a flag without its value", () => {
  assertThrows(() => parse("--env"), UsageError, "--env needs a value");
  assertThrows(() => parse("-qe"), UsageError, "-e needs a value");
});

Deno.test("parseFlags() asks for help wherever it stands among the flags", () => {
  assertThrows(() => parse("-q", "--help"), HelpRequested);
  assertThrows(() => parse("-h"), HelpRequested);
  assertEquals(parse("ls", "--help").rest, ["ls", "--help"]);
});

Deno.test("flagHelp() puts the texts below each other", () => {
  const lines = flagHelp([
    { name: "a", help: "first" },
    { name: "longer", short: "l", value: "X", help: "second" },
  ]).split("\n");
  assertEquals(lines[0]!.indexOf("first"), lines[1]!.indexOf("second"));
});

Deno.test("closestString() finds what is near and nothing that is far", () => {
  assertEquals(closestString("rnu", ["run", "explain"]), "run");
  assertEquals(closestString("explian", ["run", "explain"]), "explain");
  assertEquals(closestString("xyzzyxyz", ["run"]), null);
  assertEquals(closestString("run", []), null);
});

const specOf = (...argv: string[]) =>
  specFromFlags(parseFlags(RUN_FLAGS, argv, "container run"), "/fs");

Deno.test("specFromFlags() describes the default container", () => {
  const spec = specOf("sh", "-l");
  assertEquals(spec.process.args, ["sh", "-l"]);
  assertEquals(spec.process.cwd, "/");
  assertEquals(spec.hostname, "container");
  assertEquals(spec.root.path, "/fs");
  assertEquals(
    spec.linux.namespaces.map(({ type }) => type),
    ["pid", "mount", "uts", "ipc"],
  );
});

Deno.test("specFromFlags() sets variables in order, the last of a name", () => {
  const { env } =
    specOf("-e", "A=1", "-e", "A=2", "-e", "PATH=/x", "sh").process;
  assertEquals(env.filter((entry) => entry.startsWith("A=")), ["A=2"]);
  assert(env.includes("PATH=/x"));
});

Deno.test("specFromFlags() refuses what no kernel would take", () => {
  assertThrows(() => specOf(), UsageError, "No command");
  assertThrows(() => specOf(""), UsageError, "No command");
  assertThrows(() => specOf("--hostname", "", "sh"), UsageError, "1 to 64");
  assertThrows(() => specOf("-w", "x", "sh"), UsageError, "not absolute");
  assertThrows(() => specOf("-e", "=x", "sh"), UsageError, "name is missing");
});
