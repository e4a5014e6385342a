/** config.json: from its text to a Spec, or to everything that is wrong with it. */

import { checkConfig } from "./check_config.ts";
import { parseText } from "./config_text.ts";
import { SpecError } from "./errors.ts";
import { type Fault, FAULTY, Notes, Place, type Sound } from "./reader.ts";
import { config } from "./schema.ts";
import type { Spec } from "./types.ts";

export { configText } from "./config_text.ts";

/** More than this many faults are not read by anybody. */
const TOLD = 20;

/** config.json is wrong; the message names each fault on a line of its own. */
export class ConfigError extends SpecError {
  override name = "ConfigError";
  readonly faults: readonly Fault[];
  constructor({ faults, faultCount }: Notes) {
    const lines = faults.slice(0, TOLD).map(sentence);
    const more = faultCount - lines.length;
    if (more > 0) lines.push(`and ${more} more`);
    super(
      lines.length === 1
        ? `Cannot use config.json: ${lines[0]}`
        : `Cannot use config.json:\n  ${lines.join("\n  ")}`,
    );
    this.faults = faults;
  }
}

/** Who is told of what is no fault. */
export interface ConfigReading {
  /** A sentence about what has no effect, such as a capability that nobody knows. */
  warn?: (line: string) => void;
  /** The path of a member that nobody knows; OCI wants those ignored. */
  ignored?: (path: string) => void;
}

/**
 * Reads a config.json of the OCI runtime specification, 1.x.
 *
 * Pure: it looks at nothing but the text. Whether the machine can do what is
 * asked for is found out later. What defaults the specification gives are
 * filled in; amounts above 2^53 are taken for that, rlimits and the arguments
 * of system calls keep all their digits.
 *
 * @throws {ConfigError} with every fault there is
 */
export function parseConfig(
  text: string,
  { warn, ignored }: ConfigReading = {},
): Spec {
  const notes = new Notes();
  const place = new Place(notes);
  const value = parseText(text, place);
  const spec = value === FAULTY ? value : config(value, place);
  if (spec !== FAULTY) checkConfig(spec as Sound<Spec>, place);
  if (spec === FAULTY || notes.faultCount) throw new ConfigError(notes);
  if (warn) notes.warnings.map(sentence).forEach(warn);
  if (ignored) notes.unknown.forEach(ignored);
  return spec;
}

const sentence = ({ path, problem }: Fault) =>
  path ? `${path}: ${problem}` : problem;
