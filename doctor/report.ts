/**
 * Formats the diagnosis for people. Pure: the terminal's properties are
 * parameters.
 */

import { type Check, GROUPS, type Status } from "./check.ts";
import type { Diagnosis } from "./diagnosis.ts";

const MARK: Record<Status, string> = {
  ok: "ok",
  warning: "!!",
  missing: "!!",
  information: "--",
};

/** ANSI colours: green, yellow, red, grey. */
const COLOUR: Record<Status, number> = {
  ok: 32,
  warning: 33,
  missing: 31,
  information: 90,
};
const BOLD = 1;
const FAINT = 2;
const LEAST_WIDTH = 50;

/** How to format. */
export interface Drawing {
  colour: boolean;
  /** The column to wrap at; null for no wrapping. */
  width: number | null;
}

/** The report. The verdict comes last. */
export function asText(
  { ok, verdict, checks }: Diagnosis,
  { colour, width }: Drawing,
): string {
  const paint = (code: number, text: string) =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const column = Math.max(...checks.map(({ title }) => title.length)) + 2;
  const lines = [
    `${paint(COLOUR.ok, "ok")} works   ${
      paint(COLOUR.missing, "!!")
    } something will not work   ${
      paint(COLOUR.information, "--")
    } information   fix: how to change it`,
  ];
  for (const group of GROUPS) {
    const members = checks.filter((result) => result.group === group);
    if (!members.length) continue;
    lines.push("", paint(BOLD, group));
    for (const result of members) lines.push(...draw(result, column));
  }
  lines.push("", paint(ok ? BOLD : COLOUR.missing, verdict));
  return lines.join("\n");

  function draw(result: Check, column: number): string[] {
    const { status, title, found, means, cure } = result;
    const indent = " ".repeat(2 + 4 + column);
    const room = width === null
      ? Infinity
      : Math.max(LEAST_WIDTH, width) - indent.length;
    // Wrap first and add colours afterwards, because escapes have no width.
    const [first = "", ...rest] = wrap(`${found} · ${means}`, room);
    const faint = (text: string, from: number) =>
      text.slice(0, from) +
      (text.length > from ? paint(FAINT, text.slice(from)) : "");
    const drawn = [
      `  ${paint(COLOUR[status], MARK[status])}  ${title.padEnd(column)}${
        faint(first, Math.min(first.length, found.length))
      }`,
      ...rest.map((line) => indent + paint(FAINT, line)),
    ];
    // Never wrapped, so that users can copy it.
    if (cure !== undefined) drawn.push(`${indent}fix: ${cure}`);
    return drawn;
  }
}

/** Breaks text at spaces. A word that is too long stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
