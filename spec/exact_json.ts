/**
 * JSON in which integers that a JavaScript number cannot hold keep all of their
 * digits: they are bigints in memory. Pure.
 */

/** The third argument of a JSON.parse reviver, which TypeScript's library lacks. */
type Context = { source?: string };

// TypeScript's library lacks it; Node and Deno have it.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Writes a value whose integers may be bigints. */
export const exactText = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_, member) =>
      typeof member === "bigint" ? rawJSON(String(member)) : member,
    indent,
  );

/** A reviver for JSON.parse: integers that would lose digits become bigints. */
export function exactIntegers(
  _: string,
  value: unknown,
  context?: Context,
): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const digits = context?.source ?? "";
  return /^-?\d{1,40}$/.test(digits) ? BigInt(digits) : value;
}
