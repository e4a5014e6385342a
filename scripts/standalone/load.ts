/**
 * Starts the program out of its text and, where it is there, the code that V8
 * compiled of it when it was built: half of a start was that compilation. Both
 * are inside the binary, where nobody on the host can change them, and V8
 * refuses code that is not of its own version and of this text.
 *
 * @module
 */
import { Script } from "node:vm";

/** The two processes that a container takes: each has a text of its own. */
export const ROLES = ["program", "child"] as const;
export type Role = typeof ROLES[number];

/** What is in a compiled program beside its main module. */
export const textFile = (role: Role) => `${role}.txt`;
export const codeFile = (role: Role) => `${role}.cache`;

/** What a text defines. */
export interface Program {
  main(args: readonly string[]): Promise<number>;
  exit(status: number): never;
}

/** The role of this process. */
export const role: Role = Deno.args[0] === "child" ? "child" : "program";

/** Runs the text once; what it defines, and the script to ask for its code. */
export function load(cachedData?: Uint8Array): {
  script: Script;
  program: Program;
} {
  const text = Deno.readTextFileSync(new URL(textFile(role), Deno.mainModule));
  const script = new Script(text, { filename: "container.js", cachedData });
  script.runInThisContext();
  const { containerProgram } = globalThis as typeof globalThis & {
    containerProgram: Program;
  };
  return { script, program: containerProgram };
}
