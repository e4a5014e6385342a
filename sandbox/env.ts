/**
 * The environment that every command of a sandbox gets. It is kept in the
 * program, and commands that run already do not see changes.
 */

import { OptionError } from "../spec/errors.ts";
import { shown } from "../spec/reader.ts";

/** Variables of the commands that start from now on. */
export interface SandboxEnv {
  /** The value of a variable. */
  get(key: string): Promise<string | undefined>;
  /** Sets a variable. */
  set(key: string, value: string): Promise<void>;
  /** All variables. */
  toObject(): Promise<Record<string, string>>;
  /** Removes a variable. */
  delete(key: string): Promise<void>;
}

/**
 * The name of a variable.
 *
 * @throws {OptionError} for a name that no variable can have
 */
export function checkVariable(key: unknown, value: unknown): void {
  if (typeof key !== "string" || !/^[^=\0]+$/.test(key)) {
    throw new OptionError("env", `${shown(key)} is not the name of a variable`);
  }
  if (typeof value !== "string" || value.includes("\0")) {
    throw new OptionError(`env.${key}`, "expected a text without NUL");
  }
}

/** {@linkcode SandboxEnv} on a map of this process. */
export class Environment implements SandboxEnv {
  readonly #variables: Map<string, string>;

  /** @param entries `K=V` strings */
  constructor(entries: readonly string[]) {
    this.#variables = new Map(entries.map((entry) => {
      const at = entry.indexOf("=");
      return [entry.slice(0, at), entry.slice(at + 1)];
    }));
  }

  /** `K=V` strings of a command. */
  with(added: Readonly<Record<string, string>>, clear: boolean): string[] {
    const all = new Map(clear ? [] : this.#variables);
    for (const [key, value] of Object.entries(added)) {
      checkVariable(key, value);
      all.set(key, value);
    }
    return [...all].map(([key, value]) => `${key}=${value}`);
  }

  get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.#variables.get(key));
  }

  // deno-lint-ignore require-await -- A wrong name rejects.
  async set(key: string, value: string): Promise<void> {
    checkVariable(key, value);
    this.#variables.set(key, value);
  }

  toObject(): Promise<Record<string, string>> {
    return Promise.resolve(Object.fromEntries(this.#variables));
  }

  delete(key: string): Promise<void> {
    this.#variables.delete(key);
    return Promise.resolve();
  }
}
