/**
 * The report of the engines' tests as a table: what became of each scenario
 * with runc, and with ours.
 *
 * @module
 */

/** The runtimes, in the order of the columns. */
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

/** What a test case came to. */
function outcome(body: string): string {
  if (/<(failure|error)\b/.test(body)) return "FAILED";
  return /<skipped\b/.test(body) ? "skipped" : "ok";
}

/**
 * Makes the table of a report by `deno test --junit-path`; "" where no scenario
 * is in it.
 */
export function engineTable(xml: string): string {
  const results = new Map<string, Partial<Record<Runtime, string>>>();
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
  if (!results.size) return "";
  const rows = [
    ["scenario", ...RUNTIMES],
    ...[...results].map(([row, by]) => [
      row,
      ...RUNTIMES.map((runtime) => by[runtime] ?? "-"),
    ]),
  ];
  const width = Math.max(...rows.map(([row = ""]) => row.length));
  return rows.map(([row = "", ...cells]) =>
    [row.padEnd(width), ...cells.map((cell) => cell.padEnd(7))].join("  ")
      .trimEnd()
  ).join("\n") + "\n";
}
