/**
 * Converts the text of config.json to values and back. It is stricter than
 * JSON.parse: it limits the size and the depth, and refuses a member that
 * occurs twice. Programs differ in which of the two counts, so one program
 * could check a value that another does not use. Integers that a JavaScript
 * number cannot hold become bigints.
 */

import { withoutControls } from "./controls.ts";
import { exactIntegers, exactText } from "./exact_json.ts";
import { FAULTY, type Place } from "./reader.ts";
import type { Spec } from "./types.ts";

/** In characters. The kernel accepts at most 6 MiB of arguments and environment. */
export const MAX_CONFIG_SIZE = 16 << 20;

/** The specification itself nests at most seven levels. */
const MAX_DEPTH = 64;

/** A JavaScript number may not hold so many digits exactly. */
const LONG_NUMBER = /\d{16}/;

/** The value of a text; FAULTY if it is not JSON, too large or too deep. */
export function parseText(text: string, place: Place): unknown {
  if (text.length > MAX_CONFIG_SIZE) {
    return place.fault(`larger than ${MAX_CONFIG_SIZE >> 20} MiB`);
  }
  const usual = parseUsual(text);
  if (usual !== FAULTY) return usual;
  if (!looksSound(text, place)) {
    return place.fault(`nested more than ${MAX_DEPTH} deep`);
  }
  try {
    return JSON.parse(text, exactIntegers);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return place.fault(`not JSON: ${withoutControls(error.message)}`);
  }
}

/**
 * Larger than what engines write. The expression below needs memory for each
 * character.
 */
const USUAL_SIZE = 256 << 10;

/** A string in JSON, with the colon that follows a name. */
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"\s*:?/g;

/**
 * Parses the usual text in a tenth of the time, without walking through it;
 * FAULTY if the text needs the walk. If the value has as many members as the
 * text has names, no member occurs twice.
 */
function parseUsual(text: string): unknown {
  if (text.length > USUAL_SIZE || LONG_NUMBER.test(text)) return FAULTY;
  try {
    const value: unknown = JSON.parse(text);
    const names = text.match(STRING)?.filter((word) => word.endsWith(":"));
    return countMembers(value) === (names?.length ?? 0) ? value : FAULTY;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return FAULTY;
  }
}

/** The number of members in a value; NaN if it is too deep. */
function countMembers(value: unknown, depth = 0): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth === MAX_DEPTH) return NaN;
  const inner = Object.values(value);
  let count = Array.isArray(value) ? 0 : inner.length;
  for (const one of inner) count += countMembers(one, depth + 1);
  return count;
}

const QUOTE = 34, BACKSLASH = 92, COMMA = 44, COLON = 58;
const OPEN_LIST = 91, CLOSE_LIST = 93, OPEN_OBJECT = 123, CLOSE_OBJECT = 125;

/** An array or object that surrounds the current position of the walk. */
interface Level {
  /** The names seen so far; null in an array. */
  names: Set<string> | null;
  name: string;
  index: number;
}

/**
 * Walks through the brackets and names of a text, which may not even be JSON.
 * Returns false if it is too deep, and notes a fault for each repeated member.
 */
function looksSound(text: string, place: Place): boolean {
  const levels: Level[] = [];
  let top: Level | undefined;
  let name = "";
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = stringEnd(text, at);
        if (top?.names) name = text.slice(at, end + 1);
        at = end;
        break;
      }
      case COLON:
        if (!top?.names) break;
        top.name = unquote(name);
        if (top.names.has(top.name)) {
          placeOf(levels, place).fault("occurs twice: remove one");
        }
        top.names.add(top.name);
        break;
      case COMMA:
        if (top) top.index++;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT: {
        if (levels.length === MAX_DEPTH) return false;
        const names = text.charCodeAt(at) === OPEN_OBJECT
          ? new Set<string>()
          : null;
        levels.push(top = { names, name: "", index: 0 });
        break;
      }
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        levels.pop();
        top = levels.at(-1);
    }
  }
  return true;
}

/** The position of the quote that ends a string, or the end of the text. */
function stringEnd(text: string, start: number): number {
  for (let at = start;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let before = at;
    while (text.charCodeAt(before - 1) === BACKSLASH) before--;
    const escaped = (at - before) % 2 === 1;
    if (!escaped) return at;
  }
}

function unquote(name: string): string {
  if (!name.includes("\\")) return name.slice(1, -1);
  try {
    return String(JSON.parse(name));
  } catch {
    return name; // Not JSON; JSON.parse of the whole text reports it.
  }
}

function placeOf(levels: readonly Level[], top: Place): Place {
  return levels.reduce(
    (place, { names, name, index }) => place.at(names ? name : index),
    top,
  );
}

/** Members that OCI does not have, which are left out of a file for others. */
const OURS: readonly (readonly [parent: string, name: string])[] = [
  ["process", "scheduling"],
  ["process", "preserve"],
];

const UNLIMITED = (1n << 64n) - 1n;

/** Writes a Spec as the text of a config.json, with all digits of every integer. */
export function configText(spec: Spec): string {
  const plain = structuredClone(spec) as unknown as Record<
    string,
    Record<string, unknown>
  >;
  for (const [parent, name] of OURS) delete plain[parent]?.[name];
  for (
    const limit of (plain.process as unknown as Spec["process"]).rlimits ?? []
  ) {
    if (limit.soft === -1) limit.soft = UNLIMITED;
    if (limit.hard === -1) limit.hard = UNLIMITED;
  }
  return `${exactText(plain, 2)}\n`;
}
