/**
 * The main module of a program that is compiled only for the build. It runs
 * command lines of its role, as people and engines type them. Then it writes
 * the code that V8 has compiled for it, with the names of the modules it used,
 * to a file of the role, in the directory that {@linkcode DIRECTORY_NAME}
 * names.
 *
 * @module
 */
import {
  load,
  type Role,
  role,
  scripts,
  textsOf,
  usedModules,
} from "./load.ts";
import { DIRECTORY_NAME, type Report, reportFile } from "./report.ts";

type Words = readonly string[];

const before = (words: Words, command: string) =>
  words.slice(0, words.indexOf(command));

/** Inserts words behind a command. */
const withFlags = (words: Words, command: string, flags: Words) =>
  words.flatMap((word) => word === command ? [word, ...flags] : word);

/** Command lines of the same role, made of the given one. */
type Lines = Partial<Record<Role, (words: Words) => Words[]>>;

const DIRECTORY = Deno.env.get(DIRECTORY_NAME)!;

/** A container that stays until the last role has looked at it. */
const NAME = "warm-up";
const ELSEWHERE = ["--root", `${DIRECTORY}/containers`];

/** What each start of the role should find compiled. */
const USUAL: Lines = {
  run: (words) =>
    [["-e", "A=b"], ["-v", "/:/mnt"], ["--no-init"]].map((flags) =>
      withFlags(words, "run", flags)
    ),
  program: () => [[...ELSEWHERE, "ps", "--all"]],
  /** The removal of the container. */
  exec: (words) => [[
    ...before(words, "exec"),
    "delete",
    "--force",
    words.at(-2)!,
  ]],
};

/** What has a text of its own, because most starts do not need it. */
const RARE: Lines = {
  run: (words) => [
    ...[["-m", "64m"], ["-t"]].map((flags) => withFlags(words, "run", flags)),
    ...[["--rm"], ["-d"]].map((flags) => [
      ...ELSEWHERE,
      ...withFlags(words, "run", ["--name", NAME, ...flags]),
    ]),
  ],
  program: () =>
    [["inspect"], ["logs"], ["stop"], ["rm"]].map((command) => [
      ...ELSEWHERE,
      ...command,
      NAME,
    ]),
};

const program = load();
const status = await program.main(Deno.args);
const more = async (lines: Lines) => {
  for (const words of lines[role]?.(Deno.args) ?? []) await program.main(words);
};
await more(USUAL);
const usual = usedModules();
await more(RARE);
const rare = usedModules().filter((module) => !usual.includes(module));
const [first, second] = textsOf(role);
const report = [[first, usual], [second, rare]] as const;
await Deno.writeTextFile(
  `${DIRECTORY}/${reportFile(role)}`,
  JSON.stringify(report.map(([name, modules]): Report => ({
    name,
    modules,
    code: scripts.get(name)?.createCachedData().toString("base64") ?? null,
  }))),
);
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
