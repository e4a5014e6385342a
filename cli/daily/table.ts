/** Formats tables, durations and sizes for people. Pure. */

/**
 * A table. Each column is as wide as its longest cell, with two spaces in
 * between.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map(() => 0);
  for (const row of rows) {
    for (const column of widths.keys()) {
      widths[column] = Math.max(widths[column]!, lengthOf(row[column] ?? ""));
    }
  }
  return rows.map((row) =>
    row.map((cell, column) =>
      // A code point above U+FFFF has two units.
      cell.padEnd(widths[column]! + cell.length - lengthOf(cell))
    ).join("  ").trimEnd()
  ).join("\n");
}

/** The code points of a text; a list of a thousand rows needs it quickly. */
const lengthOf = (text: string): number =>
  SURROGATE.test(text) ? [...text].length : text.length;

const SURROGATE = /[\ud800-\udfff]/;

const UNITS: readonly [seconds: number, name: string][] = [
  [365 * 86400, "year"],
  [30 * 86400, "month"],
  [7 * 86400, "week"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** A duration such as `3 minutes`, or `less than a second`. */
export function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  for (const [size, name] of UNITS) {
    // As docker does: at least two of a unit, or else the next smaller unit.
    const count = Math.floor(seconds / size);
    if (count >= 2 || count === 1 && size <= 3600) {
      return `${count} ${name}${count === 1 ? "" : "s"}`;
    }
  }
  return "less than a second";
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size such as `12.5MiB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit ? Number(value.toPrecision(4)) : value}${SIZES[unit]}`;
}

/** A command for a column of a table. Control characters are replaced. */
export function shownCommand(words: readonly string[], most = 30): string {
  // deno-lint-ignore no-control-regex
  const text = words.join(" ").replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
  return JSON.stringify(
    text.length > most ? `${text.slice(0, most - 1)}…` : text,
  );
}
