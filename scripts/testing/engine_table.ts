/**
 * Formats the report of the engines' tests as a table: the outcome of each
 * scenario with runc and with this program. The outcomes with runc are
 * recorded; `deno task test:engines --record` records them again.
 *
 * @module
 */

/** The runtimes in the order of the columns. */
const RUNTIMES = ["runc", "ours"] as const;

type Runtime = typeof RUNTIMES[number];

const isRuntime = (word: string): word is Runtime =>
  RUNTIMES.some((runtime) => runtime === word);

const ENTITIES: Readonly<Record<string, string>> = {
  "&gt;": ">",
  "&lt;": "<",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** The outcome of a test case. */
function outcome(body: string): string {
  if (/<(failure|error)\b/.test(body)) return "FAILED";
  return /<skipped\b/.test(body) ? "skipped" : "ok";
}

/** The outcomes of all scenarios with runc, as recorded on one machine. */
export interface Recorded {
  /** The first line of `runc --version`. */
  version: string;
  /** ok, skipped or FAILED, by `ENGINE: SCENARIO`. */
  outcomes: Record<string, string>;
}

type Results = Map<string, Partial<Record<Runtime, string>>>;

/** Reads the scenarios from a report of `deno test --junit-path`. */
export function engineResults(xml: string): Results {
  const results: Results = new Map();
  const cases = xml.replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>/g, "")
    .matchAll(/<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g);
  for (const [, escaped = "", body = ""] of cases) {
    const name = escaped.replaceAll(/&\w+;/g, (word) => ENTITIES[word] ?? word);
    const [, engine, runtime = "", scenario] =
      /^(.*) on (\w+) > (.*)$/.exec(name) ?? [];
    if (!isRuntime(runtime)) continue;
    const row = `${engine}: ${scenario}`;
    results.set(row, { ...results.get(row), [runtime]: outcome(body) });
  }
  return results;
}

/**
 * Makes the table of a report; "" if it has no scenario.
 *
 * @param recorded used where the report has no outcome with runc
 */
export function engineTable(xml: string, recorded?: Recorded): string {
  const results = engineResults(xml);
  if (!results.size) return "";
  const runc = recorded?.outcomes ?? {};
  const rows = [
    ["scenario", ...RUNTIMES],
    ...[...results].map(([row, by]) => [
      row,
      by.runc ?? runc[row] ?? "-",
      by.ours ?? "-",
    ]),
  ];
  const width = Math.max(...rows.map(([row = ""]) => row.length));
  const table =
    rows.map(([row = "", ...cells]) =>
      [row.padEnd(width), ...cells.map((cell) => cell.padEnd(7))].join("  ")
        .trimEnd()
    ).join("\n") + "\n";
  const isRecorded = [...results].some(([row, by]) => !by.runc && runc[row]);
  return isRecorded
    ? `${table}(runc's column was recorded with ${recorded?.version})\n`
    : table;
}
