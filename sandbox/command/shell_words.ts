/** Values in a template as words of a shell. Pure. */

/** Characters that mean nothing to a shell. */
const PLAIN = /^[\w/.@%+,:-]+$/;

/** One value as one word, in single quotes if it needs them. */
export function shellWord(value: unknown): string {
  if (typeof value === "object" && value !== null) {
    throw new TypeError("Cannot use an object as a word of a shell command");
  }
  const text = value == null ? "" : String(value);
  if (text.includes("\0")) {
    throw new TypeError("Cannot use a NUL character in a shell command");
  }
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** A template as a command; an array stands for several words. */
export function shellCommand(
  texts: readonly string[],
  values: readonly unknown[],
): string {
  return texts.map((text, index) => {
    if (index === 0) return text;
    const { [index - 1]: value } = values;
    const words = Array.isArray(value)
      ? value.map(shellWord).join(" ")
      : shellWord(value);
    return `${words}${text}`;
  }).join("");
}
