/**
 * Runs a table of scenarios on an engine with runc and with our program: a test
 * for each engine and runtime, a step for each scenario.
 *
 * CONTAINER_ENGINES_RUNTIME names one of the two to run alone,
 * CONTAINER_ENGINES_ONLY scenarios by a part of their name.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import type { Recorded } from "../../scripts/testing/engine_table.ts";
import { hasProgram, REPOSITORY } from "../_harness.ts";
import { keepBurying } from "../_host.ts";
import type { Engine, Runtime } from "./_engine.ts";
import { difference, type Scenario } from "./_scenario.ts";

/** How an engine is tested. */
export interface Table {
  /** Its name. */
  engine: string;
  /** Why it cannot be tested here, or null. */
  skip: string | null;
  start(runtime: Runtime): Promise<Engine>;
  scenarios: readonly Scenario[];
}

/** How many milliseconds the traces of a container may take to disappear. */
const SETTLING = 10_000;

/** The compiled program; the source is too slow as a runtime. */
function ownProgram(): string | null {
  try {
    return Deno.realPathSync(
      Deno.env.get("CONTAINER_BIN") ?? `${REPOSITORY}/container`,
    );
  } catch {
    return null;
  }
}

function runtimes(): (Runtime | { name: "runc" | "ours"; missing: string })[] {
  const only = Deno.env.get("CONTAINER_ENGINES_RUNTIME");
  const own = ownProgram();
  const all = [
    hasProgram("runc")
      ? { name: "runc" as const, path: which("runc") }
      : { name: "runc" as const, missing: "runc is not installed" },
    own ? { name: "ours" as const, path: own } : {
      name: "ours" as const,
      missing: "no ./container: deno task compile --standalone",
    },
  ];
  return all.filter(({ name }) => !only || name === only);
}

function which(program: string): string {
  const { stdout } = new Deno.Command("sh", {
    args: ["-c", `command -v ${program}`],
  }).outputSync();
  return Deno.realPathSync(new TextDecoder().decode(stdout).trim());
}

/**
 * Declares that the scenarios are those of the record of runc's outcomes, and
 * that runc passes them: a scenario that runc fails is wrong itself.
 */
function testRecord({ engine, scenarios }: Table): void {
  Deno.test(`${engine}: runc's recorded outcomes are of these scenarios`, () => {
    const { outcomes } = JSON.parse(
      Deno.readTextFileSync(new URL("recorded_runc.json", import.meta.url)),
    ) as Recorded;
    const prefix = `${engine}: `;
    const recorded = Object.entries(outcomes)
      .filter(([row]) => row.startsWith(prefix))
      .map(([row, outcome]) => [
        row.slice(prefix.length).replace(/ \(skipped: .*/, ""),
        outcome === "skipped" ? "ok" : outcome,
      ]);
    assertEquals(
      recorded,
      scenarios.map(({ name }) => [name, "ok"]),
      "Record them with: deno task test:engines --record",
    );
  });
}

/** Declares the tests of a table. */
export function testTable(table: Table): void {
  const { engine } = table;
  testRecord(table);
  for (const runtime of runtimes()) {
    const name = `${engine} on ${runtime.name}`;
    const reason = Deno.uid() !== 0
      ? "needs root"
      : table.skip ?? ("missing" in runtime ? runtime.missing : null);
    if (reason !== null || "missing" in runtime) {
      const skipped = `${name} (skipped: ${reason})`;
      Deno.test({ name: skipped, ignore: true, fn() {} });
      continue;
    }
    Deno.test({
      name,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: (context) => runTable(context, table, runtime),
    });
  }
}

async function runTable(
  context: Deno.TestContext,
  table: Table,
  runtime: Runtime,
): Promise<void> {
  const only = Deno.env.get("CONTAINER_ENGINES_ONLY") ?? "";
  // podman waits for the end of a conmon whose parent has ended.
  using _burying = keepBurying({ sessions: true });
  await using engine = await table.start(runtime);
  const before = new Set(engine.leftovers());
  for (const scenario of table.scenarios) {
    if (!scenario.name.includes(only)) continue;
    await context.step({
      name: scenario.skip
        ? `${scenario.name} (skipped: ${scenario.skip})`
        : scenario.name,
      ignore: Boolean(scenario.skip),
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => runScenario(engine, scenario, before),
    });
  }
}

async function runScenario(
  engine: Engine,
  scenario: Scenario,
  before: Set<string>,
): Promise<void> {
  const { script, says, ours } = scenario;
  const wanted = engine.runtime.name === "ours" ? ours?.says ?? says : says;
  let fault: string | null;
  try {
    fault = difference((await engine.run(script)).stdout, wanted);
  } finally {
    await engine.clear();
  }
  const left = await settle(engine, before);
  // Report each only once.
  for (const thing of left) before.add(thing);
  if (fault === null && !left.length) return;
  const faults = [
    ...fault === null ? [] : [fault],
    ...left.map((thing) => `left: ${thing}`),
  ];
  throw new Error(faults.join("\n"));
}

/** What is new on the host, after everything had the time to disappear. */
async function settle(
  engine: Engine,
  before: ReadonlySet<string>,
): Promise<string[]> {
  const end = performance.now() + SETTLING;
  for (;;) {
    const left = (engine.leftovers()).filter((one) => !before.has(one));
    if (!left.length || performance.now() > end) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
