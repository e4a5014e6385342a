/** Parsing of flags, their errors, and the options they make. */
// @ts-types="../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { specFrom } from "../containers/decide/spec.ts";
import { requesterIn } from "../containers/decide/requester.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { madeUpWorld } from "../containers/world/made_up.ts";
import {
  CAPABILITIES,
  DEFAULT_CAPABILITIES,
} from "../plan/process/capabilities.ts";
import { SpecError, UsageError } from "../spec/errors.ts";
import {
  type Flag,
  flagHelp,
  HelpRequested,
  parseFlags,
  parseFlagsAndNames,
} from "./flags.ts";
import { RUN_FLAGS } from "./run_flags.ts";
import { optionsFromFlags } from "./run_options.ts";

const FLAGS: Flag[] = [
  { name: "env", short: "e", value: "K=V", help: "" },
  { name: "quiet", short: "q", help: "" },
  { name: "debug", short: "d", help: "" },
];

const parse = (...argv: string[]) => parseFlags(FLAGS, argv, "container x");
const parsed = (...argv: string[]) => {
  const { given, rest } = parse(...argv);
  return [given, rest];
};

Deno.test("parseFlags() stops at the first word that is not a flag", () => {
  assertEquals(parsed("-q", "ls", "-q"), [[["quiet", "true"]], ["ls", "-q"]]);
});

Deno.test("parseFlags() stops at -- and leaves it out", () => {
  assertEquals(parsed("-q", "--", "-q"), [[["quiet", "true"]], ["-q"]]);
  assertEquals(parsed("--", "--"), [[], ["--"]]);
});

Deno.test("parseFlags() reads a lone dash as a word", () => {
  assertEquals(parsed("-", "-q"), [[], ["-", "-q"]]);
});

Deno.test("parseFlagsAndNames() reads flags before, between and after names, up to --", () => {
  const words = (...argv: string[]) => {
    const { given, rest } = parseFlagsAndNames(FLAGS, argv, "container x");
    return [given, rest];
  };
  const env: [string, string] = ["env", "7"];
  const quiet: [string, string] = ["quiet", "true"];
  assertEquals(words("web", "-e", "7", "db", "-q"), [[env, quiet], [
    "web",
    "db",
  ]]);
  assertEquals(words("web", "--env=7"), [[env], ["web"]]);
  assertEquals(words("web", "-env", "7", "--quiet"), [[env, quiet], ["web"]]);
  assertEquals(words("-q", "web", "-e7"), [[quiet, env], ["web"]]);
  assertEquals(words("web", "-e", "-q", "db"), [[["env", "-q"]], [
    "web",
    "db",
  ]]);
  assertEquals(words("web", "--", "-q", "--"), [[], ["web", "-q", "--"]]);
  assertEquals(words("", "web"), [[], ["", "web"]]);
  const before = assertThrows(() => words("-x", "web"), UsageError);
  const after = assertThrows(() => words("web", "-x"), UsageError);
  assertEquals([after.message, after.hint], [before.message, before.hint]);
  assertThrows(() => words("web", "-e"), UsageError, "-e needs a value");
  assertThrows(() => words("web", "-"), UsageError, "Unknown flag -");
  for (const help of ["--help", "-help", "-h"]) {
    assertThrows(() => words("web", help), HelpRequested);
  }
});

Deno.test("parseFlags() reads a value in every spelling", () => {
  for (
    const argv of [["--env", "A=1"], ["--env=A=1"], ["-e", "A=1"], ["-eA=1"], [
      "-e=A=1",
    ], ["-env", "A=1"]]
  ) assertEquals(parse(...argv).given, [["env", "A=1"]], argv.join(" "));
});

Deno.test("parseFlags() reads a value that looks like a flag, is empty, or has several lines", () => {
  assertEquals(parse("-e", "-q").given, [["env", "-q"]]);
  assertEquals(parse("--env=").given, [["env", ""]]);
  assertEquals(parse("--env=a\nb").given, [["env", "a\nb"]]);
});

Deno.test("parseFlags() reads a cluster of short flags, the last with a value", () => {
  assertEquals(parse("-qde", "A=1").given, [
    ["quiet", "true"],
    ["debug", "true"],
    ["env", "A=1"],
  ]);
});

Deno.test("parseFlags() accepts only true and false for a switch", () => {
  assertEquals(parse("--quiet=false").has("quiet"), false);
  assertEquals(parse("--quiet=true").has("quiet"), true);
  assertThrows(() => parse("--quiet=no"), UsageError, "true or false");
});

Deno.test("parseFlags() keeps the order; last() returns the last value, all() every value", () => {
  const flags = parse("-e", "A", "-q", "-e", "B");
  assertEquals(flags.last("env"), "B");
  assertEquals(flags.all("env"), ["A", "B"]);
  assertEquals(flags.last("debug"), undefined);
});

Deno.test("parseFlags() refuses an unknown flag and names the nearest one", () => {
  const error = assertThrows(() => parse("--quite"), UsageError, "--quite");
  assertStringIncludes(error.hint!, "--quiet");
  assertThrows(() => parse("-x"), UsageError, "Unknown flag -x");
  assertThrows(() => parse("-qx"), UsageError, "Unknown flag -qx");
});

Deno.test("parseFlags() refuses a flag without its value", () => {
  assertThrows(() => parse("--env"), UsageError, "--env needs a value");
  assertThrows(() => parse("-qe"), UsageError, "-e needs a value");
});

Deno.test("parseFlags() finds --help at any place among the flags", () => {
  assertThrows(() => parse("-q", "--help"), HelpRequested);
  assertThrows(() => parse("-h"), HelpRequested);
  assertEquals(parse("ls", "--help").rest, ["ls", "--help"]);
});

Deno.test("flagHelp() aligns the texts", () => {
  const lines = flagHelp([
    { name: "a", help: "first" },
    { name: "longer", short: "l", value: "X", help: "second" },
  ]).split("\n");
  assertEquals(lines[0]!.indexOf("first"), lines[1]!.indexOf("second"));
});

Deno.test("parseFlags() takes -h with a word after it for a flag with that letter", () => {
  const hostname = { name: "hostname", short: "h", value: "NAME", help: "" };
  const quiet = { name: "quiet", short: "q", help: "" };
  const given = (...argv: string[]) =>
    parseFlags([hostname, quiet], argv, "x").given;
  assertEquals(given("-h", "box", "sh"), [["hostname", "box"]]);
  assertEquals(given("-hbox", "sh"), [["hostname", "box"]]);
  assertEquals(given("-qh", "box"), [["quiet", "true"], ["hostname", "box"]]);
  assertThrows(() => given("-q", "-h"), HelpRequested);
  assertThrows(() => parseFlags([quiet], ["-h", "x"], "x"), HelpRequested);
});

Deno.test("parseFlags() gives a flag with another name the flag's own", () => {
  const flags = [
    { name: "network", value: "MODE", help: "the help" },
    { name: "net", as: "network", value: "MODE", help: "" },
  ];
  assertEquals(parseFlags(flags, ["--net=host"], "x").given, [
    ["network", "host"],
  ]);
  assertEquals(flagHelp(flags).includes("--net "), false);
});

const ROOT = {
  uid: 0,
  gid: 0,
  privileged: true,
  capable: true,
  traces: true,
  bounding: new Set<string>(CAPABILITIES),
  nested: false,
  devices: true,
};
const USER = {
  uid: 1000,
  gid: 1000,
  privileged: false,
  capable: false,
  traces: false,
  bounding: new Set<string>(CAPABILITIES),
  nested: false,
  devices: false,
};

const optionsOf = (...argv: string[]) =>
  optionsFromFlags(
    parseFlags(RUN_FLAGS, argv, "container run"),
    requesterIn(THIS_MACHINE),
  );

const decided = (caller: typeof ROOT, ...argv: string[]) =>
  specFrom({
    options: optionsOf(...argv),
    rootfs: "/fs",
    user: { uid: 0, gid: 0, groups: [], home: "/root" },
  }, { world: madeUpWorld(), caller, cwd: "/", streams: [] });

const specOf = (...argv: string[]) => decided(ROOT, ...argv).spec;

const namespacesOf = (...argv: string[]) =>
  specOf(...argv).linux.namespaces.map(({ type }) => type);

Deno.test("specFrom() describes the default container", () => {
  const spec = specOf("sh", "-l");
  assertEquals(spec.process.args, ["sh", "-l"]);
  assertEquals(spec.process.cwd, "/");
  assertEquals(spec.process.noNewPrivileges, true);
  assertEquals(
    spec.process.capabilities?.bounding?.toSorted(),
    DEFAULT_CAPABILITIES.toSorted(),
  );
  assertEquals(spec.process.capabilities?.ambient, []);
  assertEquals(spec.hostname, "container");
  assertEquals(spec.root, { path: "/fs", readonly: false });
  assertEquals(
    spec.linux.namespaces.map(({ type }) => type),
    ["pid", "mount", "uts", "ipc", "network", "cgroup"],
  );
  assertEquals(
    spec.mounts?.map(({ destination }) => destination),
    [
      "/proc",
      "/dev",
      "/dev/pts",
      "/sys",
      "/sys/fs/cgroup",
      "/dev/mqueue",
      "/dev/shm",
    ],
  );
  assert(spec.linux.maskedPaths?.includes("/proc/kcore"));
  assert(spec.linux.readonlyPaths?.includes("/proc/sys"));
});

Deno.test("specFrom() sets variables in order, with the last value of each name", () => {
  const { env } =
    specOf("-e", "A=1", "-e", "A=2", "-e", "PATH=/x", "sh").process;
  assertEquals(env.filter((entry) => entry.startsWith("A=")), ["A=2"]);
  assertEquals(env.filter((entry) => entry.startsWith("PATH=")), ["PATH=/x"]);
});

Deno.test("optionsFromFlags() refuses values that no kernel accepts", () => {
  const refused = (words: string, ...argv: string[]) =>
    assertThrows(() => optionsOf(...argv), UsageError, words);
  refused("No command");
  refused("No command", "");
  refused("1 to 64", "--hostname", "", "sh");
  refused("not absolute", "-w", "x", "sh");
  refused("name is missing", "-e", "=x", "sh");
  refused("not NAME=SOFT[:HARD]", "--ulimit", "nofiles=1", "sh");
  refused("not an octal mode", "--umask", "8", "sh");
  refused("-1000 to 1000", "--oom-score-adj", "1001", "sh");
  refused("-20 to 19", "--nice", "20", "sh");
  refused("not a list of CPUs", "--cpu", "1-", "sh");
  refused("not a list of CPUs", "--cpu", "3-1", "sh");
  refused("private, host and path:FILE", "--pid", "other", "sh");
  refused("private, host and path:FILE", "--ipc", "path:relative", "sh");
  refused("value is missing", "--sysctl", "net.ipv4.ip_forward", "sh");
  refused("not SRC:DST", "-v", "/tmp:", "sh");
  refused("not absolute", "-v", "/tmp:tmp", "sh");
  refused("not absolute", "--tmpfs", "tmp", "sh");
  refused("target= is missing", "--mount", "type=tmpfs", "sh");
  refused("source= is missing", "--mount", "type=bind,target=/x", "sh");
  refused("not TO:DST", "--symlink", "/x", "sh");
  refused("does not exist on the host", "-v", "/no/such:/x", "sh");
  refused("no such file", "--env-file", "/no/such", "sh");
});

Deno.test("optionsFromFlags() reads paths and variables as the requester sees them", () => {
  const argv = ["-v", "./data:/data", "-e", "NAME", "--env-file", "vars", "sh"];
  const { mounts, env } = optionsFromFlags(
    parseFlags(RUN_FLAGS, argv, "container run"),
    requesterIn(madeUpWorld({
      workingDirectory: "/home/me",
      environment: { NAME: "value", OTHER: "x" },
      files: {
        "/home/me/data": { to: "/srv/data" },
        "/srv/data/file": "",
        "/home/me/vars": "A=1\n# comment\nOTHER\nMISSING\n",
      },
    })),
  );
  assertEquals(mounts?.[0]?.source, "/srv/data");
  assertEquals(env, { A: "1", OTHER: "x", NAME: "value" });
});

Deno.test("optionsFromFlags() refuses a malformed mapping", () => {
  const error = assertThrows(
    () => optionsOf("--uidmap", "0:x", "sh"),
    UsageError,
    "not CONTAINER:HOST:SIZE",
  );
  assertEquals(error.status, 125);
});

Deno.test("optionsFromFlags() keeps mounts of all flags in the given order", () => {
  const { mounts } = optionsOf(
    ...["--tmpfs", "/a:size=1m", "-v", "/usr:/b:ro", "--dir", "/c"],
    ...["--symlink", "usr/bin:/bin", "--ro-bind-try", "/no/such", "sh"],
  );
  assertEquals(mounts, [
    {
      destination: "/a",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "noexec", "mode=1777", "size=1m"],
    },
    {
      destination: "/b",
      type: "bind",
      source: "/usr",
      options: ["rbind", "ro"],
    },
    { destination: "/c", type: "directory" },
    { destination: "/bin", type: "symlink", source: "usr/bin" },
  ]);
});

Deno.test("specFrom() makes no namespace that is the host's", () => {
  assertEquals(
    namespacesOf("--network", "host", "--uts", "host", "--pid=host", "sh"),
    ["mount", "ipc", "cgroup"],
  );
  assertEquals(specOf("--uts", "host", "sh").hostname, undefined);
  assertEquals(
    specOf("--ipc", "host", "sh").mounts?.some(({ type }) => type === "mqueue"),
    false,
  );
});

Deno.test("specFrom() joins a namespace given by a path", () => {
  const { namespaces } = specOf("--network", "path:/proc/1/ns/net", "sh").linux;
  assertEquals(namespaces.filter(({ path }) => path !== undefined), [
    { type: "network", path: "/proc/1/ns/net" },
  ]);
});

Deno.test("specFrom() adds and drops capabilities by name", () => {
  const bounding = (...argv: string[]) =>
    specOf(...argv, "sh").process.capabilities?.bounding ?? [];
  assert(bounding("--cap-add", "sys_admin").includes("CAP_SYS_ADMIN"));
  assert(!bounding("--cap-drop", "CAP_CHOWN").includes("CAP_CHOWN"));
  assertEquals(bounding("--cap-drop", "all"), []);
  assertEquals(bounding("--cap-drop", "ALL", "--cap-add", "kill"), [
    "CAP_KILL",
  ]);
  assertEquals(bounding("--cap-add", "ALL"), [...CAPABILITIES]);
  assertEquals(bounding("--privileged"), [...CAPABILITIES]);
  assertThrows(() => bounding("--cap-add", "fly"), UsageError, "fly");
});

Deno.test("specFrom() gives an ordinary user a user namespace, and reports what is left out", () => {
  const { spec, leftOut } = decided(USER, "sh");
  assertEquals(spec.linux.namespaces.at(-1), { type: "user" });
  assertEquals(spec.linux.uidMappings, [
    { containerID: 0, hostID: 1000, size: 1 },
  ]);
  assertEquals(leftOut.length, 1);
  assertThrows(
    () => decided(USER, "--userns", "host", "sh"),
    SpecError,
    "not root",
  );
});

Deno.test("specFrom() sets sysctls of the container's own namespaces", () => {
  assertEquals(
    specOf("--sysctl", "net.ipv4.ip_forward=1", "sh").linux.sysctl,
    { "net.ipv4.ip_forward": "1" },
  );
  assertThrows(
    () => specOf("--sysctl", "kernel.panic=1", "sh"),
    SpecError,
    "kernel.panic: it belongs to the host",
  );
  assertThrows(
    () => specOf("--sysctl", "kernel.shmmax=1", "--ipc", "host", "sh"),
    SpecError,
    "the ipc namespace is the host's",
  );
});
