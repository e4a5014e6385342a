/**
 * Flags as a table: parsing, help and completion use one description. Pure.
 *
 * A parser into an object would lose the order of the flags, which matters:
 * mounts are made in the order given.
 */

import { closestString } from "../containers/run/closest.ts";
import { isText } from "../ffi/text.ts";
import { UsageError } from "../spec/errors.ts";

/** One flag. */
export interface Flag {
  /** The name without dashes: `rootfs`. */
  name: string;
  short?: string;
  /** The name of its value in help. Without it the flag is a switch. */
  value?: string;
  /** Another name for the flag `as`, which help does not list. */
  as?: string;
  /** The value may have bytes that are not UTF-8, ffi/text.ts. */
  bytes?: true;
  /** The value is optional: the next word is the value only if it matches. */
  optional?: RegExp;
  help: string;
}

/**
 * The words that request help. Go programs accept a long flag with one dash, so
 * this program does as well.
 */
export const HELP_WORDS: ReadonlySet<string> = new Set([
  "--help",
  "-help",
  "-h",
]);

/** Thrown if help is requested among a command's flags. */
export class HelpRequested extends Error {
  override name = "HelpRequested";
}

/** Thrown for a flag that a command does not have. */
export class UnknownFlag extends UsageError {
  constructor(
    readonly word: string,
    /** The flag without dashes; in a cluster of short flags, the letter. */
    readonly flag: string,
    hint: string,
  ) {
    super(`Unknown flag ${word}`, hint);
  }
}

/** The flags of a command line in order, and the words after them. */
export class Flags {
  constructor(
    readonly given: readonly [name: string, value: string][],
    readonly rest: readonly string[],
  ) {}

  has(name: string): boolean {
    return this.last(name) !== undefined && this.last(name) !== "false";
  }

  /** The last value of a flag, which is the one that counts. */
  last(name: string): string | undefined {
    return this.given.findLast(([given]) => given === name)?.[1];
  }

  all(name: string): string[] {
    return this.given.flatMap(([given, value]) =>
      given === name ? [value] : []
    );
  }
}

/**
 * Parses flags up to the first other word, or up to `--`.
 *
 * @throws {UsageError} for an unknown flag or a missing value, {HelpRequested}
 * for --help
 */
export const parseFlags = (
  flags: readonly Flag[],
  argv: readonly string[],
  command: string,
): Flags => parse(flags, argv, { command, between: false });

/**
 * Parses the flags of a command that takes names. Flags may be before, between
 * and after the names, and a word that begins with a dash is never a name.
 * After `--` every word is a name.
 */
export const parseFlagsAndNames = (
  flags: readonly Flag[],
  argv: readonly string[],
  command: string,
): Flags => parse(flags, argv, { command, between: true });

/** As parseFlagsAndNames(); the word `-` stands for a standard stream. */
export const parseFlagsAndFiles = (
  flags: readonly Flag[],
  argv: readonly string[],
  command: string,
): Flags => parse(flags, argv, { command, between: true, streams: true });

function parse(
  flags: readonly Flag[],
  argv: readonly string[],
  { command, between, streams = false }: {
    command: string;
    between: boolean;
    streams?: boolean;
  },
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
  const take = (flag: Flag, name: string, value: string) => {
    if (!flag.bytes && !isText(value)) throw notText(`--${flag.name}`, value);
    given.push([name, value]);
  };
  // -h of run is its hostname, as with docker, unless it is the last word.
  const isValued = (word: string) =>
    word === "-h" && at + 1 < argv.length &&
    flags.some(({ short }) => short === "h");
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
    if (HELP_WORDS.has(word.replace(/=true$/, "")) && !isValued(word)) {
      throw new HelpRequested();
    }
    if (word === "--") {
      const further = argv.slice(at + 1);
      const strange = between && further.find((word) => !isText(word));
      if (strange) throw notText(command, strange);
      return new Flags(given, [...words, ...further]);
    }
    if (between && !streams && word === "-") throw unknown(word);
    if (!word.startsWith("-") || word === "-") {
      if (!between) break;
      if (!isText(word)) throw notText(command, word);
      words.push(word);
      continue;
    }
    const [, dashes, name, attached] = word.match(
      /^(--?)([^=]*)(?:=([\s\S]*))?$/,
    )!;
    const long = flags.find((flag) => flag.name === name);
    if (long && (dashes === "--" || name!.length > 1)) {
      const name = long.as ?? long.name;
      if (!long.value && attached !== undefined) {
        given.push([name, switchValue(word, attached)]);
      } else {
        take(
          long,
          name,
          long.value ? valueOf(long, `--${long.name}`, attached) : "true",
        );
      }
      continue;
    }
    if (dashes === "--") throw unknown(word.split("=")[0]!);
    // A cluster of short flags. Only the last one may take a value.
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
      take(flag, flag.name, valueOf(flag, `-${flag.short}`, inside));
      rest = "";
    }
  }
  return new Flags(given, [...words, ...argv.slice(at)]);
}

const notText = (what: string, value: string) =>
  new UsageError(
    `${what} ${value}: it has a byte that is not UTF-8`,
    "Only commands, variables, and paths of mounts may have such bytes.",
  );

/**
 * Refuses further words for a command that takes only flags.
 *
 * @throws {UsageError}
 */
export function takeNoWords({ rest: [word] }: Flags, command: string): void {
  if (word === undefined) return;
  throw new UsageError(
    `Unexpected word ${word || '""'}: ${command} takes flags only`,
    `See container ${command} --help.`,
  );
}

function switchValue(word: string, value: string): string {
  if (value === "true" || value === "false") return value;
  throw new UsageError(`${word}: the value must be true or false`);
}

/** The help lines of flags, aligned. */
export function flagHelp(all: readonly Flag[]): string {
  const flags = all.filter(({ as }) => !as);
  const left = flags.map(({ name, short, value }) =>
    `  ${short ? `-${short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`
  );
  const width = Math.max(...left.map((text) => text.length)) + 2;
  return flags.map(({ help }, index) => left[index]!.padEnd(width) + help)
    .join("\n");
}
