/**
 * Starts the program from a text and, if available, from the code that V8
 * compiled from it at build time: that compilation would take half of a start.
 * Both are inside the binary, so nobody on the host can change them. V8 refuses
 * code of another version or for another text.
 *
 * @module
 */
import { Script } from "node:vm";
import { carried } from "../../containers/run/carried.ts";

/**
 * The ways in which the program is started: by users for a run (`run`), for
 * images (`images`) and for everything else (`program`), by engines to create a
 * container (`create`) and for later commands (`exec`). Each role has its own
 * text, with the modules it used at build time, and compiled code of the
 * functions it ran. PID 1 of a container has no role: it is native.
 */
export const ROLES = ["program", "run", "images", "create", "exec"] as const;
export type Role = typeof ROLES[number];

/** What only some command lines of a role use: for each a text of its own. */
export type Part = "image" | "fetch" | "rare" | "network";
export const PARTS: Readonly<Record<Role, readonly Part[]>> = {
  program: ["rare"],
  run: ["image", "fetch", "rare", "network"],
  images: ["fetch", "rare"],
  create: [],
  exec: [],
};

/**
 * A text of modules: of a role, of a part of it, or of the whole program. A
 * module that is missing in the text of the role is loaded from the text that
 * has it.
 */
export type TextName = Role | `${Part}-${Role}` | typeof WHOLE;
export const WHOLE = "whole";

/** The texts of a role that have compiled code. */
export const textsOf = (role: Role): [TextName, ...TextName[]] => [
  role,
  ...PARTS[role].map((part) => `${part}-${role}` as const),
];

/** The names of the files inside a compiled program. */
export const textFile = (name: TextName) => `${name}.txt`;
export const codeFile = (name: TextName) => `${name}.cache`;
/** For each module of a role's parts, the text that has it, as JSON. */
export const placesFile = (role: Role) => `${role}.places`;

/** The exports of the program's entry modules. */
export interface Program {
  main(args: readonly string[]): Promise<number>;
  exit(status: number): never;
}

/** The commands of an OCI runtime, and the flags before them. */
const ENGINES = /^(?:create|exec|delete|start|-(?!-?(?:version|help|h)$).*)$/s;

/** The commands that only deal with images. */
const IMAGES =
  /^(?:images?|pull|push|rmi|tag|history|login|logout|commit|save|load)$/;

/**
 * Guesses the role. A wrong guess costs only time, because missing modules are
 * loaded from the whole text.
 */
function roleOf(words: readonly string[]): Role {
  const [word = ""] = words;
  if (word === "run") return word;
  if (IMAGES.test(word)) return "images";
  // People choose a store for any command.
  if (word === "--store") return roleOf(words.slice(2));
  if (word.startsWith("--store=")) return roleOf(words.slice(1));
  if (!ENGINES.test(word)) return "program";
  return words.includes("create") ? "create" : "exec";
}

/** The role of this process. */
export const role: Role = roleOf(Deno.args);

/** The exports of a module. */
type Exports = Record<string, unknown>;
type Load = (name: string) => Exports;
/** A module, and a text of modules, as scripts/_texts.ts makes them. */
type Module = (
  load: Load,
  loadLate: (name: string) => Promise<Exports>,
) => Exports;
type Text = (define: (name: string, module: Module) => void) => void;

const defined = new Map<string, Module>();
const loaded = new Map<string, Exports>();

/** The names of the modules that this process has loaded. */
export const usedModules = () => [...loaded.keys()];

let places: Partial<Record<string, TextName>> | undefined;

/** The text that has a module, of those that have not run yet. */
function textWith(name: string): TextName {
  if (!scripts.has(role)) return role;
  places ??= readPlaces();
  const text = places[name];
  return text === undefined || scripts.has(text) ? WHOLE : text;
}

function readPlaces(): Partial<Record<string, TextName>> {
  const file = carried(placesFile(role));
  return file ? JSON.parse(new TextDecoder().decode(file)) : {};
}

function loadModule(name: string): Exports {
  const known = loaded.get(name);
  if (known) return known;
  if (!defined.has(name)) runText(textWith(name));
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

// A module that is defined already is not replaced by another text.
const define = (name: string, module: Module) => {
  if (!defined.has(name)) defined.set(name, module);
};

/** The scripts of the texts that have run, which have the compiled code. */
export const scripts = new Map<TextName, Script>();

function runText(name: TextName): void {
  const source = carried(textFile(name));
  if (!source || scripts.has(name)) return;
  const script = new Script(new TextDecoder().decode(source), {
    filename: "container.js",
    cachedData: carried(codeFile(name)) ?? undefined,
  });
  const text: Text = script.runInThisContext();
  text(define);
  scripts.set(name, script);
}

/** Loads the program of this role. */
export function load(): Program {
  return (loadModule("program.js") as { program: Program }).program;
}
