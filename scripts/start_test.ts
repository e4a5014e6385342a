// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { reasonOf } from "./_deno.ts";
import { isThere, programSources, ROOT, scriptSources } from "./_files.ts";
import { findProgram } from "./_find_program.ts";
import { builtMessage, DEFAULTS, parse } from "./compile.ts";
import { createdMessage } from "./rootfs.ts";
import {
  buildingMessage,
  hasTree,
  NOT_BUILT,
  runAs,
  staleness,
  startWords,
  wordsToRun,
} from "./start.ts";

Deno.test("wordsToRun() opens a shell on a terminal and prints a greeting without one", () => {
  assertEquals(wordsToRun([], { terminal: true }), ["/bin/sh"]);
  const [shell, flag, script] = wordsToRun([], { terminal: false });
  assertEquals([shell, flag], ["/bin/sh", "-c"]);
  assertStringIncludes(script!, "hostname");
});

Deno.test("wordsToRun() runs the given command", () => {
  for (const terminal of [true, false]) {
    assertEquals(wordsToRun(["ls", "-l"], { terminal }), ["ls", "-l"]);
  }
});

Deno.test("startWords() takes --debug before the command only", () => {
  assertEquals(startWords([]), { debug: false, args: [] });
  assertEquals(startWords(["--debug"]), { debug: true, args: [] });
  assertEquals(startWords(["--debug", "ls"]), { debug: true, args: ["ls"] });
  assertEquals(startWords(["ls", "--debug"]), {
    debug: false,
    args: ["ls", "--debug"],
  });
});

Deno.test("README.md shows what a first start prints", async () => {
  const text = await Deno.readTextFile(`${ROOT}/README.md`);
  const session = text.match(
    /^```console\n\$ deno task start\n(.*?)^```/ms,
  )![1]!;
  const before = session.split("\n").filter((line) => /^\w+: /.test(line));
  const said = [
    `rootfs: ${createdMessage("fs", "busybox.net 1.35.0", "N applets")}`,
    `start: ${buildingMessage(NOT_BUILT)}`,
    `compile: ${builtMessage(DEFAULTS.out, "standalone", "N MB")}`,
  ];
  assertEquals(
    before.map((line) => line.replace(/[\d.]+ (applets|MB)/, "N $1")),
    said,
  );
});

Deno.test("a start downloads only the packages that the program and its scripts use", async () => {
  const read = async (path: string) =>
    JSON.parse(await Deno.readTextFile(`${ROOT}/${path}`));
  const imports: Record<string, string> = (await read("deno.json")).imports;
  const packageOf = (url: string) => url.match(/^npm:[^/]+/)![0];
  const texts = await Promise.all(
    [...programSources(), ...scriptSources()]
      .filter((path) => path.endsWith(".ts"))
      .map((path) => Deno.readTextFile(path)),
  );
  const used = Object.entries(imports).filter(([name]) =>
    texts.some((text) => text.includes(`"${name}"`))
  ).map(([, url]) => packageOf(url));
  // What another file imports, for example a test, would be downloaded too.
  const locked = Object.keys((await read("deno.lock")).specifiers);
  assertEquals(locked.toSorted(), [...new Set(used)].toSorted());
});

Deno.test("runAs() uses sudo if it is needed and installed", () => {
  const line = ["/x/container", "run", "sh"];
  assertEquals(runAs({ root: true, sudo: "/s" }, line), { line, note: null });
  assertEquals(runAs({ root: false, sudo: "/s" }, line).line, [
    "/s",
    "--",
    ...line,
  ]);
  const without = runAs({ root: false }, line);
  assertEquals(without.line, line);
  assertStringIncludes(without.note!, "without root");
});

Deno.test("hasTree() accepts a tree and refuses missing, broken and other directories", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const fs = `${dir}/fs`;
    assertEquals(hasTree(fs), false);
    await Deno.writeTextFile(fs, "");
    assertEquals(hasTree(fs), false);
    await Deno.remove(fs);
    await Deno.mkdir(`${dir}/tree/bin`, { recursive: true });
    await Deno.symlink("tree", fs);
    assertEquals(hasTree(fs), false, "a link of ours, without busybox");
    assertEquals(hasTree(`${dir}/tree`), true, "somebody's own tree");
    await Deno.writeTextFile(`${fs}/bin/busybox`, "");
    assertEquals(hasTree(fs), true);
    await Deno.remove(`${dir}/tree`, { recursive: true });
    assertEquals(hasTree(fs), false, "a link that leads nowhere");
    await Deno.mkdir(`${dir}/tree`);
    assertEquals(hasTree(`${dir}/tree`), false, "an empty directory");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("findProgram() skips unreadable paths and paths that are not files", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${dir}/a/tool`, { recursive: true });
    await Deno.mkdir(`${dir}/b`);
    await Deno.writeTextFile(`${dir}/b/tool`, "");
    const path = `/proc/1/map_files/x:${dir}/a:${dir}/a/tool/x:${dir}/b`;
    assertEquals(await findProgram("tool", path), `${dir}/b/tool`);
    assertEquals(await findProgram("tool", `${dir}/a`), undefined);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("staleness() recognizes missing, older and broken programs", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.utime(file, 1, 1);
    assertStringIncludes((await staleness(file))!, "is newer");
    const tomorrow = Date.now() / 1000 + 86_400;
    await Deno.writeTextFile(file, "#!/bin/sh\necho container version 1\n");
    await Deno.chmod(file, 0o755);
    await Deno.utime(file, tomorrow, tomorrow);
    assertEquals(await staleness(file), null);
    await Deno.writeTextFile(file, "#!/bin/sh\necho gone; exit 125\n");
    await Deno.utime(file, tomorrow, tomorrow);
    assertEquals(await staleness(file), "gone");
  } finally {
    await Deno.remove(file);
  }
  assertEquals(await staleness(file), "it does not exist yet");
});

Deno.test("programSources() are existing files and include every source of the compiled program", () => {
  const sources = programSources();
  assertEquals(sources.filter((path) => !isThere(path)), []);
  const builders = [
    ...[...Deno.readDirSync(`${ROOT}/scripts/standalone`)]
      .map(({ name }) => `standalone/${name}`),
    // The modules that compile.ts imports; they import each other.
    ...[
      ...Deno.readTextFileSync(`${ROOT}/scripts/_standalone.ts`)
        .matchAll(/from "\.\/(_.*?)"/g),
    ].map(([, name]) => name),
  ].filter((name) => !/_(deno|files|report)\.ts$/.test(name!));
  const missing = builders.filter((name) =>
    !sources.includes(`${ROOT}/scripts/${name}`)
  );
  assertEquals(missing, []);
});

Deno.test("parse() reads the flags of compile", () => {
  assertEquals(parse([]), DEFAULTS);
  assertEquals(parse(["--help", "--out", "x"]), "help");
  assertEquals(parse(["--out=/a", "--no-rootfs", "--standalone"]), {
    out: "/a",
    rootfs: null,
    standalone: true,
    debug: false,
  });
});

Deno.test("reasonOf() finds the cause in Deno's message", () => {
  const output = `Compile container.js to x
error: Writing deno compile executable to temporary file '/x'

Caused by:
    0: Setting up base binary.
    1: error sending request
    2: client error (Connect)

Stack backtrace:
   0: <unknown>
`;
  assertEquals(
    reasonOf({ code: 1, output }),
    "Setting up base binary: error sending request",
  );
  assertEquals(reasonOf({ code: 1, output: "error: No.\n" }), "No");
  assertEquals(reasonOf({ code: 9, output: "" }), "it exited with status 9");
});
