/** Tables, times and sizes as people read them. Pure. */

/** In columns as wide as what is in them, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => [...row[column] ?? ""].length))
  );
  return rows.map((row) =>
    row.map((cell, column) =>
      cell + " ".repeat(widths[column]! - [...cell].length)
    ).join("  ").trimEnd()
  ).join("\n");
}

const UNITS: readonly [seconds: number, name: string][] = [
  [365 * 86400, "year"],
  [30 * 86400, "month"],
  [7 * 86400, "week"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** `3 minutes`; of a moment, `less than a second`. */
export function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  for (const [size, name] of UNITS) {
    // As docker has it: two of a unit at least, or the next smaller one.
    const count = Math.floor(seconds / size);
    if (count >= 2 || count === 1 && size <= 3600) {
      return `${count} ${name}${count === 1 ? "" : "s"}`;
    }
  }
  return "less than a second";
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `12.5MiB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit ? Number(value.toPrecision(4)) : value}${SIZES[unit]}`;
}

/** A command, for a column of a table: what is no letter of it is not printed. */
export function shownCommand(words: readonly string[], most = 30): string {
  // deno-lint-ignore no-control-regex
  const text = words.join(" ").replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
  return JSON.stringify(
    text.length > most ? `${text.slice(0, most - 1)}…` : text,
  );
}
