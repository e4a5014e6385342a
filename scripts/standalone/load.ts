/**
 * Starts the program out of a text and, where it is there, the code that V8
 * compiled of it when it was built: half of a start was that compilation. Both
 * are inside the binary, where nobody on the host can change them, and V8
 * refuses code that is not of its own version and of this text.
 *
 * @module
 */
import { Script } from "node:vm";
import { carried } from "../../containers/decide/carried.ts";

/**
 * What the program can be started as: by people for a run and for all the rest,
 * by engines to create a container and for what they do with it, and as PID 1
 * of one. Each has a text of its own, of the modules it used when it was built,
 * and compiled code of what it ran.
 */
export const ROLES = ["program", "run", "create", "exec", "child"] as const;
export type Role = typeof ROLES[number];

/** The text of all modules: what a role's lacks is found there. */
export const WHOLE = "whole";

/** What is in a compiled program beside its main module. */
export const textFile = (role: Role | typeof WHOLE) => `${role}.txt`;
export const codeFile = (role: Role) => `${role}.cache`;

/** What an entry of the program exports under this name. */
export interface Program {
  main(args: readonly string[]): Promise<number>;
  exit(status: number): never;
}

/** Commands of an OCI runtime, and flags that come before them. */
const ENGINES = /^(?:create|exec|delete|start|-(?!-?(?:version|help|h)$).*)$/s;

/** A guess: what a role's text lacks is found elsewhere. */
function roleOf(words: readonly string[]): Role {
  const [word = ""] = words;
  if (word === "child" || word === "run") return word;
  if (!ENGINES.test(word)) return "program";
  return words.includes("create") ? "create" : "exec";
}

/** The role of this process. */
export const role: Role = roleOf(Deno.args);

/** What a module exports. */
type Exports = Record<string, unknown>;
type Load = (name: string) => Exports;
/** A module, and a text of such, as scripts/_texts.ts makes them. */
type Module = (
  load: Load,
  loadLate: (name: string) => Promise<Exports>,
) => Exports;
type Text = (define: (name: string, module: Module) => void) => void;

const defined = new Map<string, Module>();
const loaded = new Map<string, Exports>();

/** The names of the modules that this process has used. */
export const usedModules = () => [...loaded.keys()];

function loadModule(name: string): Exports {
  const known = loaded.get(name);
  if (known) return known;
  if (!defined.has(name)) runText(WHOLE);
  const module = defined.get(name);
  if (!module) throw new TypeError(`This program has no ${name}`);
  const exports = module(
    loadModule,
    (late) => Promise.resolve(late).then(loadModule),
  );
  loaded.set(name, exports);
  return exports;
}

// What has been taken from one text is not taken from another.
const define = (name: string, module: Module) => {
  if (!defined.has(name)) defined.set(name, module);
};

/** Runs a text; the script to ask for its code. */
function runText(which: Role | typeof WHOLE): Script {
  const source = carried(textFile(which));
  if (!source) throw new TypeError(`This program has no ${textFile(which)}`);
  const code = which === WHOLE ? null : carried(codeFile(which));
  const script = new Script(new TextDecoder().decode(source), {
    filename: "container.js",
    cachedData: code ?? undefined,
  });
  const text: Text = script.runInThisContext();
  text(define);
  return script;
}

/** Loads the program of a role; what it defines, and the script to ask for its code. */
export function load(): { script: Script; program: Program } {
  const script = runText(role);
  const { program } = loadModule(
    role === "child" ? "child.js" : "program.js",
  ) as { program: Program };
  return { script, program };
}
