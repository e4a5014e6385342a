/**
 * Flags as a table: parsing, help and completion come from one description.
 * Of its own making because the order of flags matters to later ones (mounts
 * are made in the order given), which a parser into an object loses.
 */

import { closestString } from "./closest.ts";
import { UsageError } from "../spec/errors.ts";

/** One flag. */
export interface Flag {
  /** Without dashes: `rootfs`. */
  name: string;
  short?: string;
  /** What its value is called in help; a switch without one. */
  value?: string;
  /** The value may be missing: a next word that does not match is none. */
  optional?: RegExp;
  help: string;
}

/** What asks for help; a long flag may have one dash, as in Go's programs. */
export const HELP_WORDS: ReadonlySet<string> = new Set([
  "--help",
  "-help",
  "-h",
]);

/** Help was asked for among a command's flags. */
export class HelpRequested extends Error {
  override name = "HelpRequested";
}

/** A flag that a command does not have. */
export class UnknownFlag extends UsageError {
  constructor(
    readonly word: string,
    /** Without dashes; of a cluster, the letter. */
    readonly flag: string,
    hint: string,
  ) {
    super(`Unknown flag ${word}`, hint);
  }
}

/** The flags of a command line, in their order, and the words after them. */
export class Flags {
  constructor(
    readonly given: readonly [name: string, value: string][],
    readonly rest: readonly string[],
  ) {}

  has(name: string): boolean {
    return this.last(name) !== undefined && this.last(name) !== "false";
  }

  /** The value that counts when a flag is given more than once. */
  last(name: string): string | undefined {
    return this.given.findLast(([given]) => given === name)?.[1];
  }

  all(name: string): string[] {
    return this.given.flatMap(([given, value]) =>
      given === name ? [value] : []
    );
  }
}

/** Parses up to the first word that is not a flag, or to `--`. */
export const parseFlags = (
  flags: readonly Flag[],
  argv: readonly string[],
  command: string,
): Flags => parse(flags, argv, { command, between: false });

/**
 * The same for a command that takes names: flags may stand before, between and
 * after them, and no word that begins with a dash is a name. Behind `--` every
 * word is one.
 */
export const parseFlagsAndNames = (
  flags: readonly Flag[],
  argv: readonly string[],
  command: string,
): Flags => parse(flags, argv, { command, between: true });

function parse(
  flags: readonly Flag[],
  argv: readonly string[],
  { command, between }: { command: string; between: boolean },
): Flags {
  const given: [string, string][] = [];
  const words: string[] = [];
  const unknown = (word: string, letter?: string) => {
    const near = closestString(
      word.replace(/^-+/, ""),
      flags.map(({ name }) => name),
    );
    return new UnknownFlag(
      word,
      letter ?? word.replace(/^-+/, ""),
      near
        ? `Did you mean --${near}? See ${command} --help.`
        : `See ${command} --help.`,
    );
  };
  let at = 0;
  const valueOf = (flag: Flag, word: string, attached?: string): string => {
    if (attached !== undefined) return attached;
    const next = argv[at + 1];
    if (flag.optional && !flag.optional.test(next ?? "")) return "true";
    const value = argv[++at];
    if (value === undefined) {
      throw new UsageError(
        `${word} needs a value: ${word} ${flag.value}`,
        `See ${command} --help.`,
      );
    }
    return value;
  };
  for (; at < argv.length; at++) {
    const word = argv[at]!;
    if (HELP_WORDS.has(word.replace(/=true$/, ""))) throw new HelpRequested();
    if (word === "--") {
      return new Flags(given, [...words, ...argv.slice(at + 1)]);
    }
    if (between && word === "-") throw unknown(word);
    if (!word.startsWith("-") || word === "-") {
      if (!between) break;
      words.push(word);
      continue;
    }
    const [, dashes, name, attached] = word.match(
      /^(--?)([^=]*)(?:=([\s\S]*))?$/,
    )!;
    const long = flags.find((flag) => flag.name === name);
    if (long && (dashes === "--" || name!.length > 1)) {
      if (!long.value && attached !== undefined) {
        given.push([long.name, switchValue(word, attached)]);
      } else {
        given.push([
          long.name,
          long.value ? valueOf(long, `--${long.name}`, attached) : "true",
        ]);
      }
      continue;
    }
    if (dashes === "--") throw unknown(word.split("=")[0]!);
    // A cluster of short flags; the last of them may take a value.
    for (let rest = word.slice(1); rest;) {
      const flag = flags.find(({ short }) => short === rest[0]);
      if (!flag) {
        throw unknown(word.length > 2 ? word.split("=")[0]! : word, rest[0]);
      }
      rest = rest.slice(1);
      if (!flag.value) {
        given.push([flag.name, "true"]);
        continue;
      }
      const inside = rest ? rest.replace(/^=/, "") : undefined;
      given.push([flag.name, valueOf(flag, `-${flag.short}`, inside)]);
      rest = "";
    }
  }
  return new Flags(given, [...words, ...argv.slice(at)]);
}

/** Refuses words after the flags, for a command that takes none. */
export function takeNoWords({ rest: [word] }: Flags, command: string): void {
  if (word === undefined) return;
  throw new UsageError(
    `Unexpected word ${word || '""'}: ${command} takes flags only`,
    `See container ${command} --help.`,
  );
}

function switchValue(word: string, value: string): string {
  if (value === "true" || value === "false") return value;
  throw new UsageError(`${word}: this flag is true or false`);
}

/** The lines of help for flags, aligned. */
export function flagHelp(flags: readonly Flag[]): string {
  const left = flags.map(({ name, short, value }) =>
    `  ${short ? `-${short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`
  );
  const width = Math.max(...left.map((text) => text.length)) + 2;
  return flags.map(({ help }, index) => left[index]!.padEnd(width) + help)
    .join("\n");
}
