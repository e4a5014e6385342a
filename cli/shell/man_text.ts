/**
 * A manual page as text, for reading: on a terminal, in a pager, in a file. It
 * knows the macros that man.ts writes, and no others. Pure.
 */

/** How to show a page. */
export interface PageStyle {
  /** The column to wrap at. */
  width: number;
  /** Whether headings and words to type are bold. */
  bold: boolean;
}

/** The indentation of text, and of what is explained in a list. */
const INDENT = 7;
const DEEPER = 14;

/** Text without roff's escapes. */
const plain = (text: string): string =>
  text.replace(
    /\\(?:f[BIR]|&|e|-|\(dq|\[u([0-9A-F]+)\])/g,
    (escape, code?: string) => {
      if (code) return String.fromCodePoint(parseInt(code, 16));
      return { "\\e": "\\", "\\-": "-", "\\(dq": '"' }[escape] ?? "";
    },
  );

/** The arguments of a macro. */
const argumentsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) =>
    plain(quoted ?? word ?? "")
  );

/** The text of a page in roff. */
export function pageText(page: string, { width, bold }: PageStyle): string {
  const strong = (text: string) => bold ? `\x1b[1m${text}\x1b[0m` : text;
  const lines: string[] = [];
  let indent = INDENT;
  let words: { text: string; shown: string }[] = [];
  let isTag = false;

  const flush = () => {
    const room = Math.max(width - indent, 20);
    let [line, length] = ["", 0];
    for (const { text, shown } of words) {
      if (line && length + 1 + text.length > room) {
        lines.push(" ".repeat(indent) + line);
        [line, length] = ["", 0];
      }
      line += line ? ` ${shown}` : shown;
      length += (length ? 1 : 0) + text.length;
    }
    if (line) lines.push(" ".repeat(indent) + line);
    words = [];
  };
  const add = (text: string, isStrong: boolean) => {
    if (isTag) {
      lines.push(" ".repeat(INDENT) + strong(text));
      isTag = false;
      return;
    }
    words.push(
      ...text.split(" ").filter((word) => word).map((word) => ({
        text: word,
        shown: isStrong ? strong(word) : word,
      })),
    );
  };

  for (const line of page.split("\n")) {
    const [macro = ""] = line.match(/^\.[A-Z]+/) ?? [];
    const args = argumentsOf(line.slice(macro.length));
    switch (macro) {
      case "":
        add(plain(line), false);
        break;
      case ".TH":
        lines.push(heading(args, width));
        break;
      case ".SH":
        flush();
        lines.push("", strong(args.join(" ")));
        indent = INDENT;
        break;
      case ".TP":
        flush();
        if (lines.at(-1)?.startsWith(" ")) lines.push("");
        indent = DEEPER;
        isTag = true;
        break;
      case ".BR":
        add(args.join(""), false);
        break;
      default:
        add(args.join(" "), true);
    }
  }
  flush();
  return lines.join("\n");
}

function heading(
  [name = "", section = "", , source = "", book = ""]: readonly string[],
  width: number,
): string {
  const page = `${name}(${section})`;
  const middle = `${book}, ${source}`;
  const gap = Math.max(
    1,
    Math.floor((width - 2 * page.length - middle.length) / 2),
  );
  return `${page}${" ".repeat(gap)}${middle}${" ".repeat(gap)}${page}`;
}
