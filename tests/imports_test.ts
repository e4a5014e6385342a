/**
 * The rules of the rooms: which rooms may import which, and what only some may
 * name.
 */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../types/std_path.d.ts"
import { dirname, fromFileUrl, join, relative } from "@std/path";
import { VERSION } from "../cli/version.ts";
import config from "../deno.json" with { type: "json" };

const ROOT = dirname(dirname(fromFileUrl(import.meta.url)));

const SKIPPED = new Set([".git", "fs", ".fs.d", ".cache", "node_modules"]);

/**
 * The rooms from top to bottom. Each may import itself and those below. A room
 * inside another has a place of its own; the longest matching name counts.
 */
const ROOMS = [
  "main.ts",
  "mod.ts",
  "cli",
  "explain",
  "sandbox",
  "containers/daily",
  "containers/oci",
  "containers/store",
  "containers/reuse",
  "containers/run",
  "containers/decide",
  "containers/world",
  "doctor",
  "images",
  "images/places",
  "images/registry",
  "images/store",
  "images/spec",
  "images/layers",
  "images/decompress",
  "images/tar",
  "launch/attend",
  "launch/host",
  "launch",
  "launch/lower",
  "launch/bytecode",
  "launch/native",
  "explain/steps",
  "cgroup",
  "network",
  "seccomp",
  "plan",
  "spec",
  "ffi",
  "rootfs",
];

/** Rooms below that a room still may not import. */
const CLOSED: Readonly<Record<string, readonly string[]>> = {
  // Deciding is pure in plan: the same Spec and Facts give the same steps.
  plan: ["ffi", "rootfs"],
  spec: ["ffi", "rootfs"],
  ffi: ["rootfs"],
  "explain/steps": ["cgroup", "network", "seccomp", "ffi", "rootfs"],
};

/**
 * The largest number of sources in a folder; a larger folder holds more than
 * one idea.
 */
const FULL = 32;

/** Rooms that are not part of the program and may import anything. */
const FREE = new Set([
  "scripts",
  "bench",
  "tests",
  "types",
  "docs",
  ".ci",
  ".github",
]);

/** Large tables that are generated from another source. */
const isGenerated = (text: string) => text.startsWith("// Generated from ");

/** The room of a path; if rooms are nested, the innermost one. */
const roomOf = (path: string): string =>
  ROOMS.filter((room) => path === room || path.startsWith(`${room}/`))
    .toSorted((one, other) => other.length - one.length)[0] ??
    path.split("/")[0]!;

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

/** Removes comments and texts, which may name anything. */
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
    return { path, room: roomOf(path), text, imports };
  });

const isTest = ({ path }: Source) =>
  /_test\.ts$|(^|\/)_[^/]*fixture[^/]*\.ts$/.test(path);

const isOurs = (path: string) =>
  SOURCES.some((source) => source.path === path) ||
  ROOMS.includes(roomOf(path));

const PROGRAM = SOURCES.filter((source) =>
  ROOMS.includes(source.room) && !isTest(source)
);

const mayImport = (from: string, to: string) =>
  from === to ||
  ROOMS.indexOf(to) > ROOMS.indexOf(from) && !CLOSED[from]?.includes(to);

Deno.test("every file is in a room that the rules know", () => {
  assertEquals(
    SOURCES.filter(({ room }) => !ROOMS.includes(room) && !FREE.has(room))
      .map(({ path }) => path),
    [],
  );
});

Deno.test("imports go downward only", () => {
  const wrong = PROGRAM.flatMap(({ path, room, imports }) =>
    imports.filter(isOurs)
      .filter((to) => !mayImport(room, roomOf(to)))
      .filter((to) => !to.startsWith("types/") && to !== "deno.json")
      .map((to) => `${path} imports ${to}`)
  );
  assertEquals(wrong, []);
});

/** The files that import each other, directly or through other files. */
function circles(): string[] {
  const names = new Map(SOURCES.map((source) => [source.path, source]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]) => {
    const at = way.indexOf(path);
    if (at >= 0) found.push([...way.slice(at), path].join(" → "));
    if (at >= 0 || done.has(path)) return;
    for (const to of names.get(path)?.imports ?? []) {
      if (names.has(to)) visit(to, [...way, path]);
    }
    done.add(path);
  };
  for (const path of names.keys()) visit(path, []);
  return found;
}

Deno.test("no files import each other in a circle, not even for types", () => {
  assertEquals(circles(), []);
});

Deno.test("no folder holds more than one idea", () => {
  const counts = Map.groupBy(SOURCES, ({ path }) => dirname(path));
  const full = [...counts].filter(([, { length }]) => length > FULL);
  assertEquals(full.map(([folder, { length }]) => `${folder}: ${length}`), []);
});

Deno.test("ffi imports no other room", () => {
  const wrong = PROGRAM.filter(({ room }) => room === "ffi")
    .flatMap(({ path, imports }) =>
      imports.filter((to) => roomOf(to) !== "ffi").map((to) => `${path}: ${to}`)
    );
  assertEquals(wrong, []);
});

Deno.test("plan and spec import no ffi, and use nothing of Deno but types", () => {
  const wrong = PROGRAM.filter(({ room }) => ["plan", "spec"].includes(room))
    .filter(({ text, imports }) =>
      imports.some((to) => roomOf(to) === "ffi") ||
      /\bDeno\.(?!build\b)/.test(withoutComments(text))
    );
  assertEquals(wrong.map(({ path }) => path), []);
});

/**
 * What deciding may import of the rooms that can read or change the machine:
 * tables, types and pure functions. A name that is not listed here is read
 * through a World.
 */
const PURE_FOR_DECIDING: Readonly<Record<string, readonly string[]>> = {
  "cgroup/devices.ts": ["DEFAULT_DEVICE_RULES", "splitDevice"],
  // These read by the World that they are given.
  "cgroup/hierarchy.ts": ["levelsIn"],
  "cgroup/mod.ts": [
    ...["DEFAULT_DEVICE_RULES", "HARMLESS_DEVICE_RULES"],
    ...["entryInto", "planCgroup", "readHierarchy"],
  ],
  "cgroup/place.ts": ["CgroupDenied"],
  "cgroup/systemd/in_scope.ts": ["planInScope", "planPlace"],
  "cgroup/systemd/systemd.ts": ["systemManager", "unitPath", "userManager"],
  "cgroup/systemd/unit_properties.ts": ["annotatedProperties"],
  "doctor/mounts.ts": ["parseMountinfo"],
  "ffi/base64.ts": ["toBase64"],
  "ffi/errno.ts": ["errnoText", "SyscallError"],
  "ffi/fcntl.ts": ["O"],
  "ffi/resource.ts": ["RLIM_INFINITY"],
  "launch/lower/seccomp_filter.ts": ["SECCOMP"],
};

/** The values, as opposed to types, that a file imports from each other file. */
function* valuesImported({ path, text }: Source): Generator<[string, string]> {
  const imports = withoutComments(text).matchAll(
    /import\s+(type\s+)?\{([^}]*)\}\s*from\s*"(\.[^"]+)"/g,
  );
  for (const [, isType, names, specifier] of imports) {
    if (isType) continue;
    const from = relative(ROOT, join(dirname(join(ROOT, path)), specifier!));
    for (const name of names!.split(",").map((word) => word.trim())) {
      if (name && !name.startsWith("type ")) {
        yield [from, name.replace(/ as .*/, "")];
      }
    }
  }
}

Deno.test("decide reads the machine through a World only", () => {
  const readers = ["cgroup", "doctor", "ffi", "launch", "network", "rootfs"];
  const wrong = PROGRAM.filter(({ room }) => room === "containers/decide")
    .flatMap((source) => {
      const { path, text } = source;
      const code = withoutComments(text);
      const later = [...code.matchAll(/\bimport\(\s*"(\.[^"]+)"/g)]
        .map(([, to]) => relative(ROOT, join(dirname(join(ROOT, path)), to!)))
        .filter((to) => readers.includes(to.split("/")[0]!));
      const values = [...valuesImported(source)].filter(([from, name]) =>
        readers.includes(from.split("/")[0]!) &&
          !PURE_FOR_DECIDING[from]?.includes(name) ||
        from === "containers/world/real_world.ts"
      );
      return [
        ...(/\bDeno\.(?!build\b)/.test(code) ? [`${path} names Deno`] : []),
        // Without an argument these read this machine.
        ...(/\b(readHierarchy\(\)|planCgroup\([^,]*,[^,]*\))/.test(code)
          ? [`${path} reads the cgroups of this machine`]
          : []),
        ...values.map(([from, name]) => `${path} imports ${name} of ${from}`),
        ...later.map((to) => `${path} imports ${to}`),
      ];
    });
  assertEquals(wrong, []);
});

Deno.test("only ffi names Deno.dlopen and pointers", () => {
  const wrong = SOURCES.filter(({ room, path }) =>
    // The reference for our seccomp compiler is a C library as well.
    room !== "ffi" && path !== "tests/imports_test.ts" &&
    path !== "tests/_libseccomp.ts"
  ).filter(({ text }) =>
    /\bDeno\.(dlopen|Unsafe\w*|Pointer\w*)/.test(withoutComments(text))
  );
  assertEquals(wrong.map(({ path }) => path), []);
});

Deno.test("only cli/outcome.ts exits", () => {
  const wrong = PROGRAM.filter(({ path }) =>
    path !== "cli/outcome.ts" && path !== "ffi/numbers.ts" &&
    // A program of its own.
    path !== "containers/run/fetch_main.ts"
  ).filter(({ text }) =>
    /\bDeno\.exit(Code)?\b|\w*[sS]yscall\(\s*["']exit_group["']/.test(
      withoutComments(text),
    )
  );
  assertEquals(wrong.map(({ path }) => path), []);
});

Deno.test("the program never imports dax, nor files for tests and scripts only", () => {
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    SOURCES.find((source) => source.path === path)?.imports.forEach(visit);
  };
  visit("main.ts");
  const wrong = [...seen].filter((path) =>
    path === "dax" || path === "@std/assert" ||
    FREE.has(roomOf(path)) ||
    path.endsWith("_test.ts") || /^(npm|jsr|https?):/.test(path)
  );
  assertEquals(wrong, []);
});

Deno.test("the search of the program's imports reaches its rooms", () => {
  // Without this, the test above would pass on an empty list.
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

Deno.test("files are named in snake_case, and none is called utils", () => {
  const wrong = SOURCES.map(({ path }) => path).filter((path) =>
    !/^([.a-z0-9_]+\/)*[a-z0-9_]+(\.d)?\.tsx?$/.test(path) ||
    /(^|\/)(utils?|helpers?|common|misc)\.ts$/.test(path)
  );
  assertEquals(wrong, []);
});

Deno.test("every file of the program begins with a module comment", () => {
  const silent = SOURCES.filter(({ text, path }) =>
    !path.endsWith(".d.ts") && !/^(#!.*\n)?(\/\*\*|\/\/)/.test(text)
  );
  assertEquals(silent.map(({ path }) => path), []);
});

Deno.test("VERSION is the version in deno.json", () => {
  assertEquals(VERSION, config.version);
});
