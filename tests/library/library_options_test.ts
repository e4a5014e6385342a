/** The library's options: each mistake has a typed error in the library's words. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { RUN_FLAGS } from "../../cli/run_flags.ts";
import {
  OPTION_OF_FLAG,
  OPTIONS,
} from "../../containers/run/library_schema.ts";
import {
  ContainerError,
  type LibraryOptions,
  OptionError,
  plan,
  run,
  type SignalName,
  StepError,
  UsageError,
} from "../../mod.ts";
import { execute, REPOSITORY, rootfs } from "../_harness.ts";
import { start, test } from "../_library.ts";
import { PUBLIC } from "./_public.ts";

/** Options as a program without types can write them. */
const untyped = (options: unknown) => options as LibraryOptions;

const usual = () => ({ rootfs: rootfs(), command: ["true"] });

/** The options, the path of the wrong one, its message and its hint. */
const CASES: readonly [
  options: Record<string, unknown>,
  option: string,
  message: string,
  hint?: string,
][] = [
  [{ command: "true" }, "command", 'such as ["true"]', "command: ["],
  [{ command: undefined }, "command", "missing", "command: ["],
  [{ command: [] }, "command", "names no program"],
  [{ command: [""] }, "command", "names no program"],
  [{ command: ["a", 7] }, "command[1]", "expected a string, found 7"],
  [{ command: ["a\0b"] }, "command[0]", "NUL"],
  [{ hostnam: "x" }, "hostnam", "no such option", "Did you mean hostname?"],
  [{ hostname: 7 }, "hostname", "expected a string, found 7"],
  [{ hostname: "x".repeat(65) }, "hostname", "at most 64 characters"],
  [{ tty: true }, "tty", "no such option"],
  [{ network: "host" }, "network", "no such option", "namespaces.network"],
  [{ volume: [] }, "volume", "no such option", "Did you mean mounts?"],
  [
    { stdin: "pipe" },
    "stdin",
    'expected one of piped, inherit, null, found "pipe"',
  ],
  [{ stdout: "pipd" }, "stdout", "expected one of piped"],
  [{ stderr: 2 }, "stderr", "expected one of piped"],
  [{ mounts: [{ type: "tmpfs" }] }, "mounts[0].destination", "missing"],
  [
    { mounts: [{ destination: "tmp", type: "tmpfs" }] },
    "mounts[0].destination",
    "expected an absolute path",
  ],
  [
    { mounts: [{ destination: "/x", typ: "tmpfs" }] },
    "mounts[0].typ",
    "no such option",
    "Did you mean type?",
  ],
  [{ mounts: { destination: "/x" } }, "mounts", "expected an array"],
  [
    { namespaces: { netwrk: "host" } },
    "namespaces.netwrk",
    "no such option",
    "Did you mean network?",
  ],
  [{ namespaces: { network: "hst" } }, "namespaces.network", '"path:…"'],
  [{ userNamespace: true }, "userNamespace", "expected"],
  [
    { resources: { memory: { limt: 1 } } },
    "resources.memory.limt",
    "no such option",
    "Did you mean limit?",
  ],
  [
    { resources: { memory: { limit: "64m" } } },
    "resources.memory.limit",
    "expected",
  ],
  [{ env: { A: 1 } }, "env.A", "expected a string, found 1"],
  [{ env: { "A=B": "x" } }, 'env["A=B"]', "a name without ="],
  [{ env: ["A=B"] }, "env", "expected an object"],
  [{ capabilities: ["CHOWN"] }, "capabilities", "expected an object"],
  [{ umask: 0o1000 }, "umask", "expected an integer"],
  [{ workdir: "/\udcff" }, "workdir", "contains half of a character"],
  [{ env: { A: "\ud800" } }, "env.A", "contains half of a character"],
  [{ umask: "022" }, "umask", "expected an integer"],
  [{ nice: 20 }, "nice", "expected an integer from -20 to 19"],
  [{ readonly: "yes" }, "readonly", "expected true or false"],
  [{ workdir: "tmp" }, "workdir", "expected an absolute path"],
  [
    { rlimits: [{ type: "NOFILE", soft: 1, hard: 1 }] },
    "rlimits[0].type",
    "expected one of RLIMIT_",
  ],
  [{ landlock: { connect: "all" } }, "landlock.connect", "expected an array"],
  [{ signal: "SIGTERM" }, "signal", "expected an AbortSignal"],
  [{ devices: ["/dev/full"] }, "devices[0]", "expected an object"],
  [{ dns: { servers: ["x"] } }, "dns.servers[0]", "expected an IP address"],
  [{ dns: { search: ["a\nb"] } }, "dns.search[0]", "expected one word"],
  [
    { addHosts: [{ name: "a b", address: "192.0.2.1" }] },
    "addHosts[0].name",
    "expected one word",
  ],
  [
    { addHosts: [{ name: "a", address: "192.0.2" }] },
    "addHosts[0].address",
    "expected an IP address",
  ],
  [
    { rlimits: [{ type: "RLIMIT_NOFILE", soft: 9, hard: 3 }] },
    "rlimits[0].soft",
    "higher than the hard limit",
  ],
  [
    { resources: { memory: { swap: 1000 } } },
    "resources",
    "requires memory.limit",
  ],
  [{ uidMap: [{ containerID: 0 }] }, "uidMap[0].hostID", "missing"],
];

for (const [options, option, message, hint] of CASES) {
  test(`${JSON.stringify(options)} is an OptionError of ${option}`, async () => {
    const all = untyped({ ...usual(), ...options });
    for (const call of [run, plan]) {
      const error = await assertRejects(() => call(all) as Promise<unknown>);
      assertInstanceOf(error, OptionError);
      assertInstanceOf(error, UsageError);
      assertEquals([error.option, error.name], [option, "OptionError"]);
      assert(error.message.startsWith(`${option}: `), error.message);
      assertStringIncludes(error.message, message);
      assertStringIncludes(error.hint ?? "", hint ?? "");
      assert(!`${error.message} ${error.hint}`.includes("--"), error.message);
    }
  });
}

test("options that are no object are an OptionError", async () => {
  for (const options of [undefined, null, "true", ["true"]]) {
    await assertRejects(
      () => run(untyped(options)),
      OptionError,
      "expected an object",
    );
  }
});

test("an option that is undefined counts as left out", async () => {
  const options = Object.fromEntries(
    Object.keys(OPTIONS).map((name) => [name, undefined]),
  );
  await using container = await run({ ...options, ...usual() });
  assertEquals((await container.status).code, 0);
});

test("signal() refuses a name that is no signal", async () => {
  await using container = await start(["sleep", "100"]);
  for (const name of ["SIGFOO", "TERM", "", "toString", 15]) {
    const error = assertThrows(
      () => container.signal(name as SignalName),
      OptionError,
      "unknown signal",
    );
    assertEquals(error.option, "signal");
  }
  assertThrows(
    () => container.signal("SIGTREM" as SignalName),
    OptionError,
    "SIGTREM",
  );
  assertEquals(container.signal("SIGKILL"), true);
});

test("an error of a later step names options, not flags", async () => {
  for (
    const [options, words] of [
      [{ workdir: "/nowhere" }, "choose another workdir."],
      [{ rootfs: "/no/such/fs" }, "rootfs"],
      [
        { landlock: { ro: ["/"] }, noNewPrivileges: false },
        "Remove noNewPrivileges: false.",
      ],
      [{ namespaces: { mount: "host" as const } }, "namespaces.mount"],
      [
        { namespaces: { uts: "host" }, hostname: "x" },
        "Remove one of the two options.",
      ],
      [{ landlock: {} }, "docs/library.md"],
      [
        { cgroupParent: "../x", resources: { pids: { limit: 3 } } },
        "cgroupParent",
      ],
      [{ privileged: true, devices: [{ source: "/nowhere" }] }, "devices"],
    ] as const
  ) {
    const error = await (async () => {
      await using container = await run(
        untyped({ ...usual(), stdout: "null", ...options }),
      );
      return await container.status;
    })().catch((error) => error);
    assertInstanceOf(error, ContainerError);
    const text = `${error.message}. ${error.hint}`;
    assertStringIncludes(text, words);
    assert(!text.includes("--"), text);
    if ("workdir" in options) assertInstanceOf(error, StepError);
  }
});

/** Flags for which the library has nothing, or another way. */
const NO_OPTION = [
  ...["detach", "detach-keys", "name", "cidfile", "rm", "restart", "label"],
  ...["stop-signal", "stop-timeout", "log-max-size"],
  // Networks and containers by name are for the command line only.
  ...["ip", "ip6", "mac-address", "network-alias", "volumes-from"],
  // Read by the command line only.
  ...["env-file", "security-opt"],
  ...["tty", "no-tty", "interactive", "status-fd"],
  ...["no-init", "init", "quiet", "debug"],
  ...["publish", "publish-all", "expose"],
];

Deno.test("each flag of run has an option to name in the library's errors, or none at all", () => {
  const without = RUN_FLAGS.flatMap(({ name, as }) =>
    as || OPTION_OF_FLAG.has(name) ? [] : [name]
  );
  assertEquals(without.toSorted(), NO_OPTION.toSorted());
  const paths = [...OPTION_OF_FLAG.values()].map((path) => path.split(".")[0]);
  assertEquals(paths.filter((name) => !Object.hasOwn(OPTIONS, name!)), []);
});

Deno.test("docs/library.md has a row for each option", () => {
  const text = Deno.readTextFileSync(`${REPOSITORY}/docs/library.md`);
  const rows = text.match(/^\| .*\|.*\|$/gm)!.join("\n");
  const missing = Object.keys(OPTIONS).filter((name) =>
    !new RegExp(`\`${name}\\b[^\`]*\``).test(rows)
  );
  assertEquals(missing, []);
});

const doc = (...words: string[]) =>
  execute([Deno.execPath(), "doc", ...words, `${REPOSITORY}/mod.ts`]);

test("deno doc --lint mod.ts has nothing to say", async () => {
  const { status, stderr } = await doc("--lint");
  assertEquals(status, 0, stderr);
});

test("mod.ts exports what is meant to be public, and nothing else", async () => {
  const { nodes } = JSON.parse((await doc("--json")).stdout);
  const found: { symbols?: { name: string }[]; name?: string }[] =
    Array.isArray(nodes) ? nodes : Object.values(nodes);
  const names = found.flatMap(({ symbols, name }) =>
    symbols?.map(({ name }) => name) ?? [name!]
  );
  assertEquals(
    [...new Set(names)].toSorted(),
    PUBLIC.toSorted(),
  );
});
