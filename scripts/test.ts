/**
 * `deno task test`: every test there is. Formatting, lint, types and unit tests
 * as the caller; the end-to-end tests as root, against the source and against
 * the compiled program. `deno task ok` is the first half alone.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join, relative, resolve } from "@std/path";
import $ from "dax";
import { engineTable } from "./_engine_table.ts";
import {
  changed,
  endToEndTests,
  engineTests,
  isThere,
  programSources,
  ROOT,
  unitTests,
} from "./_files.ts";
import { describe, sum, type Tally, tally, tallyOfText } from "./_junit.ts";
import { findProgram } from "./_find_program.ts";
import { runScript, ScriptUsageError, speaker, write } from "./_report.ts";

const say = speaker("test");

/** A test run that takes longer is hung. */
const MINUTES = 50;

/** What sudo takes away and the end-to-end tests need. */
const KEPT_BY_SUDO =
  /^(CI|NO_COLOR|CONTAINER_.*|COMPILE_DENO|DENORT_BIN|DENO_TLS_CA_STORE|DENO_CERT|SSL_CERT_FILE|NPM_CONFIG_REGISTRY|HTTPS?_PROXY|https?_proxy)$/;

/** One line of the summary. */
interface Part {
  name: string;
  tally: Tally;
  /** Why something was not run. */
  note?: string;
}

const PASSED: Tally = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Tally = { passed: 0, failed: 1, skipped: 0 };
const SKIPPED: Tally = { passed: 0, failed: 0, skipped: 1 };

/** Runs a program to its end on our output, without standard input. */
async function runs(
  words: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<boolean> {
  const [program, ...args] = words;
  const environment = { ...Deno.env.toObject() };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete environment[name];
    else environment[name] = value;
  }
  const { success, signal } = await new Deno.Command(program!, {
    args,
    cwd: ROOT,
    clearEnv: true,
    env: environment,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
    signal: AbortSignal.timeout(MINUTES * 60_000),
  }).spawn().status;
  if (signal) say(`Ended by ${signal} (after ${MINUTES} minutes by us)`);
  return success;
}

function title(name: string): void {
  write(Deno.stdout, `\n== ${name}\n`);
}

/** A step that passes or fails as a whole. */
async function check(name: string, args: readonly string[]): Promise<Part> {
  title(name);
  const success = await runs([Deno.execPath(), ...args]);
  return { name, tally: success ? PASSED : FAILED };
}

/** Runs test files and counts their tests. */
async function test(
  name: string,
  files: readonly string[],
  { before = [], env = {} }: {
    before?: readonly string[];
    env?: Record<string, string | undefined>;
  } = {},
): Promise<Part> {
  title(name);
  const dir = await Deno.makeTempDir({ prefix: "container-report-" });
  try {
    const report = join(dir, "junit.xml");
    const flags = ["--allow-all", "--quiet", `--junit-path=${report}`];
    const success = await runs([
      ...before,
      Deno.execPath(),
      "test",
      ...flags,
      ...files.map((path) => relative(ROOT, path)),
    ], env);
    const xml = await readOrNull(report);
    write(Deno.stdout, engineTable(xml ?? ""));
    return { name, tally: tally(xml, success) };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What needs no root and touches nothing outside the checkout. */
async function quickParts(): Promise<Part[]> {
  return [
    await check("format", ["fmt", "--check", "--quiet"]),
    await check("lint", ["lint", "--quiet"]),
    await check("types", ["check", "--quiet", "."]),
    await test("unit tests", unitTests()),
  ];
}

/** The words that make a command root's; null and a reason where nothing can. */
async function rootWords(
  env: Record<string, string | undefined>,
): Promise<string[] | null> {
  if (Deno.uid() === 0) return [];
  const sudo = await findProgram("sudo");
  if (!sudo) return null;
  const kept = Object.entries({ ...Deno.env.toObject(), ...env })
    .filter(([name, value]) => KEPT_BY_SUDO.test(name) && value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  // Asked for here, where there may be a terminal to answer on.
  const { code } = await $`${sudo} -v`.noThrow();
  return code === 0 ? [sudo, "env", ...kept] : null;
}

/** Runs end-to-end tests as root; without root they skip what needs it. */
async function endToEnd(
  name: string,
  files: readonly string[],
  binary: string | undefined,
): Promise<Part> {
  const env = { CONTAINER_BIN: binary };
  const before = await rootWords(env);
  const part = await test(name, files, { before: before ?? [], env });
  return before === null
    ? { ...part, note: "not root, and no sudo to be it" }
    : part;
}

/** The compiled program to test, or why there is none. */
function compiledProgram(): { path: string } | { missing: string } {
  const named = Deno.env.get("CONTAINER_BIN");
  if (named) return { path: resolve(named) };
  const path = join(ROOT, "container");
  const built = changed(path);
  if (built === null) return { missing: "no ./container: deno task compile" };
  const newer = programSources().find((file) => (changed(file) ?? 0) > built);
  return newer
    ? { missing: `./container is stale (${relative(ROOT, newer)} is newer)` }
    : { path };
}

async function endToEndParts(): Promise<Part[]> {
  const parts: Part[] = [];
  if (!Deno.env.get("CONTAINER_ROOTFS") && !isThere(join(ROOT, "fs"))) {
    parts.push(
      await check("root filesystem", ["run", "-A", "scripts/rootfs.ts"]),
    );
  }
  const { program, scripts } = endToEndTests();
  parts.push(await endToEnd("scripts", scripts, undefined));
  parts.push(await endToEnd("the source", program, undefined));
  const name = "the compiled program";
  const compiled = compiledProgram();
  if ("missing" in compiled) {
    parts.push({ name, tally: SKIPPED, note: compiled.missing });
  } else {
    parts.push(
      await endToEnd(`${name} ${compiled.path}`, program, compiled.path),
    );
  }
  parts.push(
    "missing" in compiled
      ? { name: "engines", tally: SKIPPED, note: compiled.missing }
      : await endToEnd("engines", engineTests(), compiled.path),
  );
  return parts;
}

/** What only a machine with systemd as its PID 1 can run. */
const WITH_SYSTEMD = [
  "--systemd",
  ...["deno", "test", "-A", "--no-check", "--cached-only"],
  "tests/vm/systemd_test.ts",
  "tests/vm/systemd_oci_test.ts",
];

/** The tests that want another kernel: cgroup v2, in machines that qemu makes. */
const virtualMachines = async (): Promise<Part[]> => [
  await virtualMachine("a Debian kernel with cgroup v2, under qemu", []),
  await virtualMachine("the same with systemd", WITH_SYSTEMD),
];

async function virtualMachine(
  name: string,
  args: readonly string[],
): Promise<Part> {
  if (!await findProgram("qemu-system-x86_64")) {
    return {
      name,
      tally: SKIPPED,
      note: "qemu-system-x86_64 is not installed",
    };
  }
  title(name);
  const { code, combined } =
    await $`${Deno.execPath()} run -A scripts/vm.ts ${args}`
      .cwd(ROOT).env("NO_COLOR", "1").stdin("null").captureCombined().quiet()
      .noThrow().timeout(`${MINUTES}m`);
  write(Deno.stdout, combined);
  return { name, tally: tallyOfText(combined, code === 0) };
}

async function main(args: readonly string[]): Promise<number> {
  const stray = args.find((arg) => arg !== "--quick");
  if (stray !== undefined) {
    throw new ScriptUsageError(
      `Unknown argument ${JSON.stringify(stray)}: --quick is the only one`,
    );
  }
  const parts = await quickParts();
  if (!args.includes("--quick")) {
    parts.push(...await endToEndParts(), ...await virtualMachines());
  }
  title("summary");
  for (const { name, tally, note } of parts) {
    write(
      Deno.stdout,
      `${name}: ${describe(tally)}${note ? ` (${note})` : ""}\n`,
    );
  }
  const total = sum(parts.map(({ tally }) => tally));
  if (total.skipped) write(Deno.stdout, `\n${total.skipped} skipped\n`);
  write(
    Deno.stdout,
    `\n${describe({ ...total, skipped: 0 })}\n`,
  );
  return total.failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  Deno.exit(await runScript("test", () => main(Deno.args)));
}
