/**
 * The library's own words: its options are checked before anything is decided,
 * and an error that names a flag of `run` names the option instead. Pure.
 */

import { closestString } from "./closest.ts";
import { ContainerError, OptionError } from "../../spec/errors.ts";
import { Notes, Place } from "../../spec/reader.ts";
import type { LibraryOptions } from "./library_options.ts";
import { libraryOptions, OPTION_OF_FLAG } from "./library_schema.ts";

/**
 * The options, if every one of them is known and has a value of its type.
 *
 * @throws {OptionError} for the first one that is wrong
 */
export function checkOptions(given: unknown): LibraryOptions {
  const notes = new Notes();
  const wanted = typeof given === "object" && given !== null &&
    !Array.isArray(given);
  if (!wanted) {
    throw new OptionError(
      "options",
      "expected an object with the options",
      'Example: run({ rootfs: "./fs", command: ["true"] }).',
    );
  }
  libraryOptions(given, new Place(notes));
  for (const path of notes.unknown) {
    const name = path.slice(path.lastIndexOf(".") + 1);
    const near = closestString(name, notes.known.get(path) ?? []) ??
      OPTION_OF_FLAG.get(name);
    throw new OptionError(
      path,
      "there is no such option",
      near ? `Did you mean ${near}?` : "docs/library.md lists the options.",
    );
  }
  const [fault] = [...notes.faults, ...notes.warnings];
  if (fault) {
    throw new OptionError(
      fault.path,
      fault.problem,
      fault.path === "command"
        ? 'Example: command: ["echo", "hello"].'
        : undefined,
    );
  }
  return given as LibraryOptions;
}

/** Values of flags that are the same words as values of options. */
const VALUE =
  "host|private|auto|disabled|unconfined|inherit|relay|empty|true|false";
/** Placeholders for a value in the text of an error. */
const PLACEHOLDER = "DIR|FILE|NAME";

const FLAG = new RegExp(
  `--([a-z][a-z-]*[a-z])(?:[ =](?:(${VALUE})|(?:${PLACEHOLDER}))\\b)?`,
  "g",
);

/** Words of config.json and of the command line, besides flags. */
const OTHER_WORDS: readonly [string, string][] = [
  ["linux.resources", "resources"],
  ["linux.cgroupsPath", "cgroupParent"],
  ["one of the two flags", "one of the two options"],
];

function inWords(text: string): string {
  const own = OTHER_WORDS.reduce(
    (said, [other, word]) => said.replaceAll(other, word),
    text,
  );
  return own.replace(FLAG, (whole, flag: string, value?: string) => {
    const option = OPTION_OF_FLAG.get(flag);
    if (option === undefined) return whole;
    if (value === undefined) return option;
    const isBoolean = value === "true" || value === "false";
    return `${option}: ${isBoolean ? value : JSON.stringify(value)}`;
  });
}

/** The same error, with options in the place of flags. */
export function inLibraryWords(error: unknown): unknown {
  if (!(error instanceof ContainerError)) return error;
  error.message = inWords(error.message);
  if (error.hint !== undefined) {
    // An example on a command line is no example for a program.
    const hint = error.hint.startsWith("Example: --")
      ? "docs/library.md lists the options."
      : inWords(error.hint);
    Object.assign(error, { hint });
  }
  return error;
}
