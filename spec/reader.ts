/**
 * Readers: each turns a JSON value into a typed one and notes every fault with
 * its place. A schema (spec/schema.ts) is a table of readers for each object.
 * TypeScript compares the table with the type: a missing member, or a member
 * that is read as another type, does not compile.
 */

import { withoutControls } from "./controls.ts";

/** One fault and its place. */
export interface Fault {
  /** Such as `linux.resources.pids.limit`. */
  path: string;
  problem: string;
}

/** What a reader returns after it has noted a fault. */
export const FAULTY = Symbol("faulty");

/** How many notes of a kind are kept. Further faults are only counted. */
const KEPT = 100;

/** The notes of one reading. */
export class Notes {
  readonly faults: Fault[] = [];
  /** Parts that are accepted but have no effect. */
  readonly warnings: Fault[] = [];
  /** The paths of unknown members, which OCI requires to be ignored. */
  readonly unknown: string[] = [];
  /** The names that are known in the place of each unknown one. */
  readonly known = new Map<string, readonly string[]>();
  /** The number of all faults, kept or not. */
  faultCount = 0;

  // Functions, because a bad text can have a million faults: a path or problem
  // is put into words only if it is kept.

  fault(path: () => string, problem: () => string): void {
    if (this.faultCount++ >= KEPT) return;
    this.faults.push({ path: path(), problem: problem() });
  }
  warn(path: () => string, problem: string): void {
    if (this.warnings.length >= KEPT) return;
    this.warnings.push({ path: path(), problem });
  }
  ignore(path: () => string, known: readonly string[]): void {
    if (this.unknown.length >= KEPT) return;
    const name = path();
    this.unknown.push(name);
    this.known.set(name, known);
  }
}

/**
 * The place in the document that a reader works on. Its path is built when it
 * is needed.
 */
export class Place {
  readonly #notes: Notes;
  readonly #parent: Place | null;
  readonly #step: string | number;

  constructor(
    notes: Notes,
    parent: Place | null = null,
    step: string | number = "",
  ) {
    this.#notes = notes;
    this.#parent = parent;
    this.#step = step;
  }

  /** The place of a member or an item of this place. */
  at(step: string | number): Place {
    return new Place(this.#notes, this, step);
  }

  get path(): string {
    const above = this.#parent?.path ?? "";
    if (this.#parent === null) return above;
    if (typeof this.#step === "number") return `${above}[${this.#step}]`;
    if (!/^[A-Za-z_]\w{0,63}$/.test(this.#step)) {
      return `${above}[${shown(this.#step)}]`;
    }
    return above ? `${above}.${this.#step}` : this.#step;
  }

  /** The number of faults in the whole document so far. */
  get faultCount(): number {
    return this.#notes.faultCount;
  }

  fault(problem: string): typeof FAULTY {
    this.#notes.fault(() => this.path, () => problem);
    return FAULTY;
  }
  expected(what: string, found: unknown): typeof FAULTY {
    this.#notes.fault(
      () => this.path,
      () => `expected ${what}, found ${shown(found)}`,
    );
    return FAULTY;
  }
  warn(problem: string): void {
    this.#notes.warn(() => this.path, problem);
  }
  /** Notes a member that is unknown; `known` are the names of its place. */
  ignored(known: readonly string[] = []): void {
    this.#notes.ignore(() => this.path, known);
  }
}

/** Reads a value that is present. */
export type Reader<T> = (value: unknown, place: Place) => T | typeof FAULTY;

/** Reads a member that is present or absent. Null counts as absent, as in Go. */
export interface Member<T> {
  read: Reader<T>;
  absent: (place: Place) => T | typeof FAULTY;
}

/** A value without its faulty parts. */
export type Sound<T> = T extends readonly (infer Item)[]
  ? (Sound<Item> | undefined)[]
  : T extends object ? { [Name in keyof T]?: Sound<T[Name]> }
  : T;

/**
 * The reader of each member of an object; an optional member needs only a plain
 * reader.
 */
export type Members<T> = {
  [Name in keyof T]-?: undefined extends T[Name]
    ? Reader<T[Name]> | Member<T[Name]>
    : Member<T[Name]>;
};

/** A member that must be present. */
export function required<T>(read: Reader<T>): Member<T> {
  return { read, absent: (place) => place.fault("missing") };
}

/** A member with a default value. */
export function otherwise<T>(read: Reader<T>, value: () => T): Member<T> {
  return { read, absent: value };
}

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Reads an object with these members. Others are noted and ignored, faulty ones
 * left out.
 */
export function object<T extends object>(members: Members<T>): Reader<T> {
  const rows = Object.entries(members) as [
    string,
    Reader<unknown> | Member<unknown>,
  ][];
  const names = Object.keys(members);
  return (value, place) => {
    if (!isObject(value)) return place.expected("an object", value);
    const result: Fields = {};
    for (const [name, row] of rows) {
      const field = Object.hasOwn(value, name) ? value[name] ?? null : null;
      const read = typeof row === "function" ? row : row.read;
      const got = field !== null
        ? read(field, place.at(name))
        : typeof row === "function"
        ? undefined
        : row.absent(place.at(name));
      if (got !== FAULTY && got !== undefined) result[name] = got;
    }
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(members, name)) {
        place.at(name).ignored(names);
      }
    }
    return result as T;
  };
}

/** Reads an array. A faulty item leaves a gap, so the others keep their indices. */
export function list<T>(read: Reader<T>): Reader<T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) return place.expected("an array", value);
    return value.map((item, index) => {
      const got = read(item, place.at(index));
      return got === FAULTY ? undefined as T : got;
    });
  };
}

/** Reads an object with members of one type, under names that the writer chooses. */
export function record<T>(
  read: Reader<T>,
  checkName: Reader<string> = string,
): Reader<Record<string, T>> {
  return (value, place) => {
    if (!isObject(value)) return place.expected("an object", value);
    const entries: [string, T][] = [];
    for (const name of Object.keys(value)) {
      const at = place.at(name);
      const known = checkName(name, at);
      const got = read(value[name], at);
      if (known !== FAULTY && got !== FAULTY) entries.push([known, got]);
    }
    // Not by assignment, so that __proto__ becomes a member like any other.
    return Object.fromEntries(entries);
  };
}

export const boolean: Reader<boolean> = (value, place) =>
  typeof value === "boolean" ? value : place.expected("true or false", value);

/** Reads a text for the kernel, for which a text ends at the first NUL. */
export const string: Reader<string> = (value, place) => {
  if (typeof value !== "string") return place.expected("a string", value);
  if (value.includes("\0")) return place.fault("contains a NUL character");
  // Half of a surrogate pair would stand for a byte (ffi/text.ts).
  return value.isWellFormed()
    ? value
    : place.fault("contains half of a character");
};

/** Reads a string that may have bytes that are not UTF-8 (ffi/text.ts). */
export const bytes: Reader<string> = (value, place) => {
  if (typeof value !== "string") return string(value, place);
  const text = string(value.replace(/[\udc80-\udcff]/gu, ""), place);
  return text === FAULTY ? text : value;
};

/** Reads a string, and takes an empty one as absent, like Go's omitempty. */
export function unlessEmpty<T extends string>(
  read: Reader<T>,
): Reader<T | undefined> {
  return (value, place) => value === "" ? undefined : read(value, place);
}

/** Reads a string that is not empty. */
export const word: Reader<string> = (value, place) =>
  value === "" ? place.fault("is empty") : string(value, place);

/** PATH_MAX without the NUL at the end, in characters: each has at least one byte. */
const LONGEST_PATH = 4095;

/** Reads a path that is short enough for the kernel. */
export const anyPath: Reader<string> = (value, place) => {
  const path = word(value, place);
  return path !== FAULTY && path.length > LONGEST_PATH
    ? place.fault(`is longer than ${LONGEST_PATH} bytes`)
    : path;
};

/** Reads an absolute path. */
export const absolutePath: Reader<string> = (value, place) => {
  const path = anyPath(value, place);
  return path === FAULTY || path.startsWith("/")
    ? path
    : place.expected("an absolute path", value);
};

/** Reads one of these words. */
export function oneOf<const T extends string>(words: readonly T[]): Reader<T> {
  return (value, place) =>
    words.includes(value as T)
      ? value as T
      : place.expected(`one of ${words.join(", ")}`, value);
}

/** Reads a string of this form; `what` describes the form in a fault. */
export function matching(form: RegExp, what: string): Reader<string> {
  return (value, place) => {
    const text = string(value, place);
    return text === FAULTY || form.test(text)
      ? text
      : place.expected(what, value);
  };
}

/** Reads a value, and checks it as a whole if no part of it is faulty. */
export function checked<T>(
  read: Reader<T>,
  check: (value: T, place: Place) => void,
): Reader<T> {
  return (value, place) => {
    const before = place.faultCount;
    const got = read(value, place);
    if (got !== FAULTY && place.faultCount === before) check(got, place);
    return got;
  };
}

/** How many characters of a value are shown. */
const SHOWN = 60;

/** A value as shown in an error: short and on one line. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const text = typeof value === "string"
    ? JSON.stringify(value.slice(0, SHOWN + 1))
    : String(value);
  return withoutControls(
    text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`,
  );
}

/** The indices of the values that occur earlier as well. */
export function repeated<T>(values: readonly T[]): number[] {
  const seen = new Set<T>();
  return values.flatMap((value, index) => {
    if (value === undefined) return [];
    if (seen.has(value)) return [index];
    seen.add(value);
    return [];
  });
}
