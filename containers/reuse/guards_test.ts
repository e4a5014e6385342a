/** Every read of a decision has a guard, or its plan is not reused. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { decideRun } from "../decide/run.ts";
import { requesterIn } from "../decide/requester.ts";
import { logged, type Read, ReadLog } from "../world/log.ts";
import { madeUpWorld } from "../world/made_up.ts";
import { guardsOf, NoGuard } from "./guards.ts";

const INFO = {
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 1,
  dev: 1,
  ino: 1,
  rdev: 0,
};

/** For every function of a World: an answer, and the names of its guards. */
const KINDS: Record<string, [Read, readonly string[] | null][]> = {
  stat: [
    [read("stat", ["/a"], INFO), ["statx", "compare", "compare", "compare"]],
    [read("stat", ["/a"], { refused: "EACCES" }), ["statx"]],
    [read("stat", ["/a"], { ...INFO, type: "other" }), null],
    [read("stat", ["/a"], { ...INFO, ino: 2 ** 60 }), null],
  ],
  lstat: [[read("lstat", ["/a"], { refused: "ENOENT" }), ["statx"]]],
  realPath: [
    [read("realPath", ["/a"], "/b"), ["openat", "isAt", "close"]],
    [read("realPath", ["/a"], { refused: "ENOENT" }), ["openat"]],
    [read("realPath", ["/a"], { refused: "EACCES" }), null],
  ],
  readLink: [
    [read("readLink", ["/a"], "b"), ["readlinkat", "compare"]],
    [read("readLink", ["/a"], { refused: "EINVAL" }), null],
  ],
  readText: [
    [read("readText", ["/a"], "b"), ["openat", "hasContent", "close"]],
    [read("readText", ["/a"], { refused: "ENOENT" }), ["openat"]],
    [read("readText", ["/a"], { refused: "EIO" }), null],
  ],
  readPart: [[read("readPart", ["/a", 0, 1], new Uint8Array(1)), null]],
  readDirectory: [[read("readDirectory", ["/a"], []), null]],
  access: [[read("access", ["/a", "write"], true), ["faccessat"]]],
  openDirectory: [
    [read("openDirectory", ["/a"], "/b"), ["openat", "isAt", "close"]],
    [read("openDirectory", ["/a"], { refused: "ENOENT" }), null],
  ],
  "in.stat": [
    [read("in.stat", ["/a", "/b"], null), ["openat2"]],
    [read("in.stat", ["/a", "/b"], { refused: "ELOOP" }), null],
  ],
  "in.lstat": [[read("in.lstat", ["/a", "/b"], null), ["openat2"]]],
  "in.readLink": [
    [
      read("in.readLink", ["/a", "/b"], "c"),
      ["openat2", "readlinkat", "compare", "close"],
    ],
  ],
  "in.readText": [
    [
      read("in.readText", ["/a", "/b"], "c"),
      ["openat2", "hasContent", "close"],
    ],
  ],
  "in.hasEntries": [[read("in.hasEntries", ["/a", "/b"], true), null]],
  "in.exists": [
    [read("in.exists", ["/a", "/b"], true), ["openat2", "close"]],
    [read("in.exists", ["/a", "/b"], false), ["openat2"]],
  ],
  "in.readFileOnHost": [
    [read("in.readFileOnHost", ["/a", "/b", 1], null), null],
  ],
  "in.directoryOnHost": [
    [read("in.directoryOnHost", ["/a", "/b"], "/c"), null],
  ],
  ids: [[read("ids", [], { uid: 1, gid: 2 }), ["getuid", "getgid"]]],
  processId: [[read("processId", [], 1), null]],
  environment: [[read("environment", [], {}), null]],
  variable: [[read("variable", ["A"], "b"), []]],
  workingDirectory: [[read("workingDirectory", [], "/"), []]],
  program: [[read("program", [], ["/proc/self/exe"]), []]],
  hardLimit: [
    [read("hardLimit", ["RLIMIT_CPU"], "1"), ["prlimit64", "compare"]],
    [read("hardLimit", ["RLIMIT_NONE"], null), []],
  ],
  descriptor: [[read("descriptor", [0], INFO), []]],
  isTerminal: [[read("isTerminal", [0], false), []]],
  isSameFile: [[read("isSameFile", [1, 2], true), []]],
  isInForeground: [[read("isInForeground", [], false), []]],
  terminalSize: [[read("terminalSize", [], null), null]],
  terminalSettings: [[read("terminalSettings", [], null), null]],
  kernelRelease: [[read("kernelRelease", [], "6.1"), ["uname", "compare"]]],
  architecture: [[read("architecture", [], "x86_64"), []]],
  hostname: [[read("hostname", [], "a"), ["uname", "compare"]]],
  startsInRamfs: [
    [read("startsInRamfs", [], false), []],
    [read("startsInRamfs", [], true), null],
  ],
  landlock: [
    [read("landlock", [], 4), ["landlock_create_ruleset"]],
    [read("landlock", [], "ENOSYS"), ["landlock_create_ruleset"]],
  ],
  namespaceFixesGroups: [[read("namespaceFixesGroups", ["/a"], true), null]],
  filesInLayers: [[read("filesInLayers", ["/a"], {}), null]],
  placeInLayers: [[read("placeInLayers", ["/a", "b"], null), null]],
  accountsInImage: [[read("accountsInImage", ["/a"], {}), null]],
};

function read(kind: string, of: Read["of"], answer: unknown): Read {
  return { kind, of, answer: answer as Read["answer"] };
}

Deno.test("guardsOf() has a guard for each kind of read, or refuses it", () => {
  for (const reads of Object.values(KINDS)) {
    for (const [one, names] of reads) {
      const what = JSON.stringify(one);
      if (names === null) assertThrows(() => guardsOf([one]), NoGuard);
      else assertEquals(guardsOf([one]).map(({ name }) => name), names, what);
    }
  }
  const [capabilities] = guardsOf([
    read("capabilities", [], { effective: "1", bounding: "3" }),
  ]);
  assertEquals(capabilities?.name, "capget");
});

Deno.test("guardsOf() knows every function of a World", () => {
  using directory = madeUpWorld().openDirectory("/");
  const names = [
    ...Object.keys(madeUpWorld()),
    ...["stat", "lstat", "readLink", "readText", "hasEntries", "exists"]
      .map((name) => `in.${name}`),
  ].filter((name) => name !== "random" && name !== "capabilities");
  assertEquals(names.filter((name) => !(name in KINDS)), []);
  assertEquals(directory.path, "/");
});

Deno.test("a log repeats, unless a read was random or changed", () => {
  let text = "one";
  const world = { ...madeUpWorld(), readText: () => text };
  const log = new ReadLog();
  const seen = logged(world, log);
  seen.readText("/a");
  seen.readText("/a");
  assertEquals(log.repeats, true);
  text = "two";
  seen.readText("/a");
  assertEquals(log.repeats, false);
  const other = new ReadLog();
  logged(world, other).random();
  assertEquals(other.repeats, false);
});

Deno.test("guardsOf() covers what the usual flags make a decision read", async () => {
  const root = "/root";
  const file = {
    [`${root}/etc/passwd`]: "",
    [`${root}/dev`]: {
      type: "directory",
    },
  } as const;
  for (
    const options of [
      { user: "1000" },
      { hostname: "other", namespaces: { network: "host" } },
      { readonly: true, rlimits: [], dns: { servers: ["1.1.1.1"] } },
      { privileged: true },
      { userNamespace: "private", init: false },
    ] as object[]
  ) {
    const log = new ReadLog();
    const files = {
      ...file,
      "/etc/hosts": "",
      "/etc/resolv.conf": "",
      "/etc/passwd": "",
    };
    const world = madeUpWorld({ files, streams: ["null", "null", "null"] });
    await decideRun(
      { options: { command: ["true"], ...options }, rootfs: root, id: "id" },
      requesterIn(logged(world, log)),
    );
    assertEquals(guardsOf(log.reads).length > 0, true);
  }
});
