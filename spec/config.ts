/**
 * Reads config.json, and the parts of it that engines pass alone. A text
 * becomes a typed value, or an error that names all its faults. Pure.
 */

import { checkConfig } from "./check_config.ts";
import { parseText } from "./config_text.ts";
import { SpecError } from "./errors.ts";
import {
  type Fault,
  FAULTY,
  Notes,
  Place,
  type Reader,
  type Sound,
} from "./reader.ts";
import { pidsLimit } from "./pids_limit.ts";
import type { Resources } from "./resources.ts";
import { config, process, type WrittenProcess } from "./schema.ts";
import { resources } from "./schema_resources.ts";
import type { Spec } from "./types.ts";

export { configText } from "./config_text.ts";

/** How many faults a message names; nobody reads more. */
const TOLD = 20;

/** A configuration has faults. The message names each on a line of its own. */
export class ConfigError extends SpecError {
  override name = "ConfigError";
  readonly faults: readonly Fault[];
  /** @param what the text that has the faults, such as `config.json` */
  constructor(what: string, { faults, faultCount }: Notes) {
    const lines = faults.slice(0, TOLD).map(sentence);
    const more = faultCount - lines.length;
    if (more > 0) lines.push(`and ${more} more`);
    super(
      lines.length === 1
        ? `Cannot use ${what}: ${lines[0]}`
        : `Cannot use ${what}:\n  ${lines.join("\n  ")}`,
    );
    this.faults = faults;
  }
}

/** Callbacks for what is not a fault. */
export interface ConfigReading {
  /**
   * Receives a sentence about each part without effect, such as an unknown
   * capability.
   */
  warn?: (line: string) => void;
  /** Receives the path of each unknown member; OCI requires that they are ignored. */
  ignored?: (path: string) => void;
}

/**
 * Reads a config.json of the OCI runtime specification, 1.x.
 *
 * Pure: it reads only the text. Whether the machine can do what is asked for is
 * decided later. Missing members get the defaults of the specification. Amounts
 * above 2^53 become 2^53 - 1; rlimits and the arguments of system calls keep
 * all their digits.
 *
 * @throws {ConfigError} with every fault of the text
 */
export function parseConfig(text: string, reading?: ConfigReading): Spec {
  return parse("config.json", text, reading, (value, place) => {
    const spec = config(value, place);
    if (spec === FAULTY) return spec;
    checkConfig(spec as Sound<Spec>, place);
    const pids = spec.linux?.resources?.pids;
    if (pids && typeof spec.ociVersion === "string") {
      pids.limit = pidsLimit(pids.limit, spec.ociVersion);
    }
    return spec;
  });
}

/**
 * Reads `process` alone, as engines pass it to `exec --process FILE`. Pure.
 *
 * @throws {ConfigError} with every fault of the text
 */
export function parseProcess(
  text: string,
  reading?: ConfigReading,
): WrittenProcess {
  return parse("the process", text, reading, process);
}

/**
 * Reads `linux.resources` alone, as engines pass it to `update --resources
 * FILE`. Pure.
 *
 * @throws {ConfigError} with every fault of the text
 */
export function parseResources(
  text: string,
  reading?: ConfigReading,
): Resources {
  return parse("the resources", text, reading, resources);
}

function parse<T>(
  what: string,
  text: string,
  { warn, ignored }: ConfigReading = {},
  read: Reader<T>,
): T {
  const notes = new Notes();
  const place = new Place(notes);
  const value = parseText(text, place);
  const got = value === FAULTY ? value : read(value, place);
  if (got === FAULTY || notes.faultCount) throw new ConfigError(what, notes);
  if (warn) notes.warnings.map(sentence).forEach(warn);
  if (ignored) notes.unknown.forEach(ignored);
  return got;
}

const sentence = ({ path, problem }: Fault) =>
  path ? `${path}: ${problem}` : problem;
