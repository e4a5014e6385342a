/** The rules of the rooms: who may import whom, and what only some may name. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../types/std_path.d.ts"
import { dirname, fromFileUrl, join, relative } from "@std/path";
import { VERSION } from "../cli/commands.ts";
import config from "../deno.json" with { type: "json" };

const ROOT = dirname(dirname(fromFileUrl(import.meta.url)));

const SKIPPED = new Set([".git", "fs", ".fs.d", ".cache", "node_modules"]);

/** What each room may import, itself aside. */
const ROOMS: Record<string, string[]> = {
  "main.ts": ["cli", "lifecycle", "launch", "ffi", "spec", "plan"],
  "mod.ts": ["cli", "lifecycle", "launch", "ffi", "spec", "plan"],
  cli: [
    "lifecycle",
    "launch",
    "cgroup",
    "network",
    "image",
    "plan",
    "spec",
    "ffi",
  ],
  lifecycle: [
    "launch",
    "cgroup",
    "network",
    "image",
    "plan",
    "spec",
    "ffi",
    "rootfs",
  ],
  launch: ["cgroup", "network", "image", "plan", "spec", "ffi", "rootfs"],
  cgroup: ["plan", "spec", "ffi"],
  network: ["plan", "spec", "ffi"],
  image: ["plan", "spec", "ffi"],
  plan: ["spec"],
  spec: [],
  ffi: [],
  rootfs: [],
};

/** Rooms that are not part of the program, and may do what they like. */
const FREE = new Set([
  "scripts",
  "bench",
  "tests",
  "types",
  "docs",
  ".ci",
  ".github",
]);

/** Big tables, generated from elsewhere. */
const isGenerated = (text: string) => text.startsWith("// Generated from ");

interface Source {
  path: string;
  room: string;
  text: string;
  imports: string[];
}

function* walk(directory: string): Generator<string> {
  for (const entry of Deno.readDirSync(directory)) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory) yield* walk(path);
    else if (entry.isFile) yield path;
  }
}

/** Comments and texts may name anything. */
const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

const SOURCES: Source[] = [...walk(ROOT)]
  .filter((path) => /\.tsx?$/.test(path))
  .map((file) => {
    const path = relative(ROOT, file);
    const text = Deno.readTextFileSync(file);
    const imports = [
      ...withoutComments(text).matchAll(
        /(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g,
      ),
    ].map(([, specifier]) =>
      specifier!.startsWith(".")
        ? relative(ROOT, join(dirname(file), specifier!))
        : specifier!
    );
    return { path, room: path.split("/")[0]!, text, imports };
  });

const isTest = ({ path }: Source) =>
  /_test\.ts$|(^|\/)_[^/]*fixture[^/]*\.ts$/.test(path);

const roomOf = (path: string) => path.split("/")[0]!;
const isOurs = (path: string) =>
  SOURCES.some((source) => source.path === path) || roomOf(path) in ROOMS;

const PROGRAM = SOURCES.filter((source) =>
  source.room in ROOMS && !isTest(source)
);

Deno.test("every file stands in a room that the rules know", () => {
  assertEquals(
    SOURCES.filter(({ room }) => !(room in ROOMS) && !FREE.has(room))
      .map(({ path }) => path),
    [],
  );
});

Deno.test("imports go downward only", () => {
  const wrong = PROGRAM.flatMap(({ path, room, imports }) =>
    imports.filter(isOurs)
      .filter((to) => roomOf(to) !== room && !ROOMS[room]!.includes(roomOf(to)))
      .filter((to) => !to.startsWith("types/") && to !== "deno.json")
      .map((to) => `${path} imports ${to}`)
  );
  assertEquals(wrong, []);
});

Deno.test("ffi imports nothing of ours", () => {
  const wrong = PROGRAM.filter(({ room }) => room === "ffi")
    .flatMap(({ path, imports }) =>
      imports.filter((to) => roomOf(to) !== "ffi").map((to) => `${path}: ${to}`)
    );
  assertEquals(wrong, []);
});

Deno.test("plan and spec import no ffi, and call nothing of Deno but types", () => {
  const wrong = PROGRAM.filter(({ room }) => ["plan", "spec"].includes(room))
    .filter(({ text, imports }) =>
      imports.some((to) => roomOf(to) === "ffi") ||
      /\bDeno\.(?!build\b)/.test(withoutComments(text))
    );
  assertEquals(wrong.map(({ path }) => path), []);
});

Deno.test("only ffi names Deno.dlopen and pointers", () => {
  const wrong = SOURCES.filter(({ room, path }) =>
    // The reference that our seccomp compiler is compared with is C as well.
    room !== "ffi" && path !== "tests/imports_test.ts" &&
    path !== "tests/_libseccomp.ts"
  ).filter(({ text }) =>
    /\bDeno\.(dlopen|Unsafe\w*|Pointer\w*)/.test(withoutComments(text))
  );
  assertEquals(wrong.map(({ path }) => path), []);
});

Deno.test("only cli/outcome.ts exits", () => {
  const wrong = PROGRAM.filter(({ path }) =>
    path !== "cli/outcome.ts" && path !== "ffi/numbers.ts"
  ).filter(({ text }) =>
    /\bDeno\.exit(Code)?\b|\w*[sS]yscall\(\s*["']exit_group["']/.test(
      withoutComments(text),
    )
  );
  assertEquals(wrong.map(({ path }) => path), []);
});

Deno.test("the program never imports dax, nor what only tests and scripts may", () => {
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    SOURCES.find((source) => source.path === path)?.imports.forEach(visit);
  };
  visit("main.ts");
  const wrong = [...seen].filter((path) =>
    path === "dax" || path === "@std/assert" || path.startsWith("@grpc/") ||
    FREE.has(roomOf(path)) ||
    path.endsWith("_test.ts") || /^(npm|jsr|https?):/.test(path)
  );
  assertEquals(wrong, []);
});

Deno.test("the walk over the program's imports reaches its rooms", () => {
  // The test above would pass on nothing at all.
  const main = SOURCES.find(({ path }) => path === "main.ts")!;
  assertEquals(main.imports.includes("cli/commands.ts"), true);
  const launch = SOURCES.find(({ path }) => path === "launch/child.ts")!;
  assertEquals(launch.imports.includes("ffi/signal.ts"), true);
});

Deno.test("no file has more than 400 lines", () => {
  const long = SOURCES.filter(({ text }) =>
    !isGenerated(text) && text.split("\n").length > 401
  );
  assertEquals(
    long.map(({ path, text }) => `${path}: ${text.split("\n").length - 1}`),
    [],
  );
});

Deno.test("files are named in snake_case, and none utils", () => {
  const wrong = SOURCES.map(({ path }) => path).filter((path) =>
    !/^([.a-z0-9_]+\/)*[a-z0-9_]+(\.d)?\.tsx?$/.test(path) ||
    /(^|\/)(utils?|helpers?|common|misc)\.ts$/.test(path)
  );
  assertEquals(wrong, []);
});

Deno.test("every file of the program begins with what it is for", () => {
  const silent = SOURCES.filter(({ text, path }) =>
    !path.endsWith(".d.ts") && !/^(#!.*\n)?(\/\*\*|\/\/)/.test(text)
  );
  assertEquals(silent.map(({ path }) => path), []);
});

Deno.test("VERSION is that of deno.json", () => {
  assertEquals(VERSION, config.version);
});
