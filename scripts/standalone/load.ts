/**
 * Starts the program out of its text and, where it is there, the code that V8
 * compiled of it when it was built: half of a start was that compilation. Both
 * are inside the binary, where nobody on the host can change them, and V8
 * refuses code that is not of its own version and of this text.
 *
 * @module
 */
import { Script } from "node:vm";

/**
 * What the program can be started as: by people, by engines, and as PID 1 of a
 * container. Each has compiled code of its own, of what it runs and no more.
 */
export const ROLES = ["program", "engine", "child"] as const;
export type Role = typeof ROLES[number];

/** The texts: PID 1 has one of its own. */
export const TEXTS = ["program", "child"] as const;

/** What is in a compiled program beside its main module. */
export const textFile = (role: Role) =>
  role === "child" ? "child.txt" : "program.txt";
export const codeFile = (role: Role) => `${role}.cache`;

/** What a text defines. */
export interface Program {
  main(args: readonly string[]): Promise<number>;
  exit(status: number): never;
}

/** Commands of an OCI runtime, and the flags before them, which come first. */
const ENGINES = /^(?:create|exec|delete|start|-(?!-?(?:version|help|h)$).*)$/s;

/** The role of this process. */
export const role: Role = Deno.args[0] === "child"
  ? "child"
  : ENGINES.test(Deno.args[0] ?? "")
  ? "engine"
  : "program";

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
