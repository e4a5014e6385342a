/**
 * The words of a Dockerfile's instruction: quotes, escapes and variables, as in
 * the Dockerfile reference. Pure.
 */

/** Finds the value of a variable; undefined if it is not set. */
export type Lookup = (name: string) => string | undefined;

/** Why an instruction cannot be read. */
export class InstructionFault extends Error {}

/**
 * Divides a text into words, without quotes and with variables replaced. A
 * variable in double quotes or bare is replaced, in single quotes not.
 *
 * @throws {InstructionFault}
 */
export function wordsOf(text: string, lookup: Lookup): string[] {
  const words: string[] = [];
  let word = "";
  let isWord = false;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote === "'") {
      if (char === "'") quote = null;
      else word += char;
      continue;
    }
    if (char === "\\") {
      const next = text[++at] ?? "";
      word += quote === '"' && !'"$\\'.includes(next) ? `\\${next}` : next;
      isWord = true;
    } else if (char === "$") {
      const [value, length] = variable(text.slice(at), lookup);
      word += value;
      at += length - 1;
      isWord = true;
    } else if (char === quote) quote = null;
    else if (!quote && (char === '"' || char === "'")) {
      quote = char;
      isWord = true;
    } else if (!quote && /\s/.test(char)) {
      if (isWord) words.push(word);
      word = "";
      isWord = false;
    } else {
      word += char;
      isWord = true;
    }
  }
  if (quote) throw new InstructionFault(`a ${quote} has no end`);
  if (isWord) words.push(word);
  return words;
}

/** One word that may contain spaces. */
export const valueOf = (text: string, lookup: Lookup): string =>
  wordsOf(text, lookup).join(" ");

/** The value of a variable at the start of a text, and how long its name is. */
function variable(text: string, lookup: Lookup): [string, number] {
  const plain = /^\$([A-Za-z_]\w*)/.exec(text);
  if (plain) return [lookup(plain[1]!) ?? "", plain[0].length];
  if (!text.startsWith("${")) return ["$", 1];
  const braced = /^\$\{([A-Za-z_]\w*)(?:(:?[-+])([^}]*))?\}/.exec(text);
  if (!braced) {
    throw new InstructionFault(
      "after $ only NAME, {NAME}, {NAME:-WORD} and {NAME:+WORD} can follow",
    );
  }
  const [whole, name = "", operator = "", word = ""] = braced;
  const value = lookup(name);
  const isSet = operator.startsWith(":") ? Boolean(value) : value !== undefined;
  const other = () => valueOf(word, lookup);
  if (operator.endsWith("-")) return [isSet ? value! : other(), whole.length];
  if (operator.endsWith("+")) return [isSet ? other() : "", whole.length];
  return [value ?? "", whole.length];
}

/** A list in JSON, `["a", "b"]`; null for any other text. */
export function jsonWords(text: string): string[] | null {
  if (!text.trimStart().startsWith("[")) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((one) => typeof one === "string")
      ? value
      : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
