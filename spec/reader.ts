/**
 * Readers: from a JSON value to a typed one, noting everything that is wrong
 * and where. A schema (spec/schema.ts) is a table of them for each object, and
 * TypeScript holds the table to the type: a member that is missing in it, or
 * is read as something else, does not compile.
 */

import { withoutControls } from "./controls.ts";

/** One thing that is wrong, and where. */
export interface Fault {
  /** `linux.resources.pids.limit`. */
  path: string;
  problem: string;
}

/** What a reader returns after it has noted a fault. */
export const FAULTY = Symbol("faulty");

/** More than this of a kind are counted and not kept: who reads a hundred lines? */
const KEPT = 100;

/** What comes up while reading. */
export class Notes {
  readonly faults: Fault[] = [];
  /** What is accepted and has no effect. */
  readonly warnings: Fault[] = [];
  /** Members that nobody knows: OCI wants them ignored. */
  readonly unknown: string[] = [];
  /** How many faults there are, kept or not. */
  faultCount = 0;

  // What is put in words and not kept would be a million strings for nothing.

  fault(path: () => string, problem: () => string): void {
    if (this.faultCount++ >= KEPT) return;
    this.faults.push({ path: path(), problem: problem() });
  }
  warn(path: () => string, problem: string): void {
    if (this.warnings.length >= KEPT) return;
    this.warnings.push({ path: path(), problem });
  }
  ignore(path: () => string): void {
    if (this.unknown.length < KEPT) this.unknown.push(path());
  }
}

/** Where in the document a reader is. The path is put together when it is asked for. */
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

  /** A member or an item of what is here. */
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

  /** Of the whole document, so far. */
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
  ignored(): void {
    this.#notes.ignore(() => this.path);
  }
}

/** Reads a value that is there. */
export type Reader<T> = (value: unknown, place: Place) => T | typeof FAULTY;

/** Reads a member, there or not: null counts as not, as for Go. */
export interface Member<T> {
  read: Reader<T>;
  absent: (place: Place) => T | typeof FAULTY;
}

/** What is left of a value when the faulty parts are taken out. */
export type Sound<T> = T extends readonly (infer Item)[]
  ? (Sound<Item> | undefined)[]
  : T extends object ? { [Name in keyof T]?: Sound<T[Name]> }
  : T;

/** A row for each member; a plain reader will do for one that may be missing. */
export type Members<T> = {
  [Name in keyof T]-?: undefined extends T[Name]
    ? Reader<T[Name]> | Member<T[Name]>
    : Member<T[Name]>;
};

/** A member that has to be there. */
export function required<T>(read: Reader<T>): Member<T> {
  return { read, absent: (place) => place.fault("missing") };
}

/** A member that is the same as this when it is missing. */
export function otherwise<T>(read: Reader<T>, value: () => T): Member<T> {
  return { read, absent: value };
}

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object with these members; others are noted and ignored. Faulty ones are left out. */
export function object<T extends object>(members: Members<T>): Reader<T> {
  const rows = Object.entries(members) as [
    string,
    Reader<unknown> | Member<unknown>,
  ][];
  return (value, place) => {
    if (!isObject(value)) return place.expected("an object", value);
    const result: Fields = {};
    for (const [name, row] of rows) {
      const field = Object.hasOwn(value, name) ? value[name] : null;
      const read = typeof row === "function" ? row : row.read;
      const got = field !== null
        ? read(field, place.at(name))
        : typeof row === "function"
        ? undefined
        : row.absent(place.at(name));
      if (got !== FAULTY && got !== undefined) result[name] = got;
    }
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(members, name)) place.at(name).ignored();
    }
    return result as T;
  };
}

/** An array; a faulty item leaves a gap, so that the others keep their places. */
export function list<T>(read: Reader<T>): Reader<T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) return place.expected("an array", value);
    return value.map((item, index) => {
      const got = read(item, place.at(index));
      return got === FAULTY ? undefined as T : got;
    });
  };
}

/** An object whose members are all alike, under names of the writer's choice. */
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
    // Not by assignment: a member called __proto__ is one like any other.
    return Object.fromEntries(entries);
  };
}

export const boolean: Reader<boolean> = (value, place) =>
  typeof value === "boolean" ? value : place.expected("true or false", value);

/** Text that the kernel is given: it ends at the first NUL there. */
export const string: Reader<string> = (value, place) => {
  if (typeof value !== "string") return place.expected("a string", value);
  return value.includes("\0") ? place.fault("holds a NUL character") : value;
};

/** A string where an empty one is the same as none, as Go's omitempty has it. */
export function unlessEmpty<T extends string>(
  read: Reader<T>,
): Reader<T | undefined> {
  return (value, place) => value === "" ? undefined : read(value, place);
}

/** A string that is not empty. */
export const word: Reader<string> = (value, place) =>
  value === "" ? place.fault("is empty") : string(value, place);

/** PATH_MAX without the NUL at its end; of characters, which have a byte at least. */
const LONGEST_PATH = 4095;

/** A path that the kernel could take. */
export const anyPath: Reader<string> = (value, place) => {
  const path = word(value, place);
  return path !== FAULTY && path.length > LONGEST_PATH
    ? place.fault(`is longer than ${LONGEST_PATH} bytes`)
    : path;
};

/** A path from the root. */
export const absolutePath: Reader<string> = (value, place) => {
  const path = anyPath(value, place);
  return path === FAULTY || path.startsWith("/")
    ? path
    : place.expected("an absolute path", value);
};

/** One of these words. */
export function oneOf<const T extends string>(words: readonly T[]): Reader<T> {
  return (value, place) =>
    words.includes(value as T)
      ? value as T
      : place.expected(`one of ${words.join(", ")}`, value);
}

/** A string of this form. */
export function matching(form: RegExp, what: string): Reader<string> {
  return (value, place) => {
    const text = string(value, place);
    return text === FAULTY || form.test(text)
      ? text
      : place.expected(what, value);
  };
}

/** What is read, and looked at as a whole where no part of it is faulty. */
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

/** The most of a value that is shown. */
const SHOWN = 60;

/** A value as an error shows it: short, and on one line. */
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

/** The indices of those that are there already. */
export function repeated<T>(values: readonly T[]): number[] {
  const seen = new Set<T>();
  return values.flatMap((value, index) => {
    if (value === undefined) return [];
    if (seen.has(value)) return [index];
    seen.add(value);
    return [];
  });
}
