/**
 * Reads JSON that a registry or a file has sent. Each value is checked when it
 * is read, and an error names its place. Pure.
 */

import { withoutControls } from "../../spec/controls.ts";
import { ContainerError } from "../../spec/errors.ts";

/** Objects nested deeper than this are no description of an image. */
const DEEPEST = 64;

/** A JSON value and its place in a document. */
export class Untrusted {
  private constructor(
    readonly document: string,
    readonly path: string,
    readonly value: unknown,
  ) {}

  /**
   * Parses a document.
   *
   * @param document its name in messages, such as `the manifest of alpine`
   * @throws {ContainerError} if it is no JSON object in UTF-8
   */
  static parse(document: string, bytes: Uint8Array): Untrusted {
    let value: unknown;
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      value = JSON.parse(text);
    } catch (error) {
      const reason = error instanceof SyntaxError
        ? withoutControls(error.message)
        : "it is not UTF-8";
      throw faulty(document, `it is not JSON: ${reason}`);
    }
    if (depthOf(value) > DEEPEST) {
      throw faulty(document, "its values are nested too deeply");
    }
    const root = new Untrusted(document, "", value);
    if (!isObject(value)) throw root.fault("an object");
    return root;
  }

  /** The error for a value that is not what it must be. */
  fault(expected: string): ContainerError {
    const place = this.path === "" ? "it" : this.path;
    return faulty(this.document, `${place} is not ${expected}`);
  }

  /** Whether the object has a member; null counts as missing, as in Go. */
  has(name: string): boolean {
    return isObject(this.value) && Object.hasOwn(this.value, name) &&
      (this.value[name] ?? null) !== null;
  }

  /** A member of the object. */
  at(name: string): Untrusted {
    const value = isObject(this.value) && Object.hasOwn(this.value, name)
      ? this.value[name] ?? undefined
      : undefined;
    const path = this.path === "" ? name : `${this.path}.${name}`;
    return new Untrusted(this.document, withoutControls(path), value);
  }

  /** A value that may be missing. */
  optional<T>(read: (value: Untrusted) => T): T | undefined {
    return (this.value ?? undefined) === undefined ? undefined : read(this);
  }

  text(): string {
    if (typeof this.value !== "string") throw this.fault("a text");
    return this.value;
  }

  /** A text without NUL, which can be a path, an argument or a variable. */
  word(): string {
    const text = this.text();
    if (text.includes("\0")) throw this.fault("a text without NUL");
    return text;
  }

  flag(): boolean {
    if (typeof this.value !== "boolean") throw this.fault("true or false");
    return this.value;
  }

  /** A count or a size: an exact integer that is not negative. */
  count(): number {
    const { value } = this;
    if (
      typeof value !== "number" || !Number.isSafeInteger(value) || value < 0
    ) {
      throw this.fault("a size");
    }
    return value;
  }

  /** Any integer. */
  integer(): number {
    const { value } = this;
    if (typeof value !== "number" || !Number.isSafeInteger(value)) {
      throw this.fault("an integer");
    }
    return value;
  }

  /** A text that passes a test. */
  matching(test: (text: string) => boolean, expected: string): string {
    const text = this.text();
    if (!test(text)) throw this.fault(expected);
    return text;
  }

  object(): this {
    if (!isObject(this.value)) throw this.fault("an object");
    return this;
  }

  items(most = Infinity): Untrusted[] {
    if (!Array.isArray(this.value)) throw this.fault("a list");
    if (this.value.length > most) {
      throw faulty(this.document, `${this.path} has more than ${most} items`);
    }
    return this.value.map((item, index) =>
      new Untrusted(this.document, `${this.path}[${index}]`, item)
    );
  }

  words(): string[] {
    return this.items().map((item) => item.word());
  }

  /** An object whose values are texts. */
  texts(): Record<string, string> {
    return Object.fromEntries(
      this.keys().map((key) => [key, this.at(key).text()]),
    );
  }

  /** The names of an object's members. */
  keys(): string[] {
    if (!isObject(this.value)) throw this.fault("an object");
    return Object.keys(this.value);
  }
}

/** The error for a document that cannot be used. */
export const faulty = (document: string, problem: string): ContainerError =>
  new ContainerError(`Cannot use ${document}: ${problem}`, {
    hint: "The image is broken: ask its author, or choose another.",
  });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function depthOf(value: unknown): number {
  // A loop: recursion on hostile input could exhaust the stack.
  let level: unknown[] = [value];
  let depth = 0;
  while (level.length && depth <= DEEPEST) {
    depth++;
    level = level.flatMap((item) =>
      typeof item === "object" && item !== null ? Object.values(item) : []
    );
  }
  return depth;
}
