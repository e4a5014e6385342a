/** The filters of lists of images, `--filter KEY=VALUE`. */

import type { StoredImage } from "../../images/store/store.ts";
import { asReference, familiarName } from "../../images/spec/reference.ts";
import { UsageError } from "../../spec/errors.ts";
import { moment } from "../daily/times.ts";

/** Whether an image is in a list. */
export type Filter = (image: StoredImage) => boolean;

/** The keys that a command accepts. */
export type FilterKey =
  | "dangling"
  | "label"
  | "label!"
  | "before"
  | "since"
  | "reference"
  | "until";

/**
 * Parses filters. Values of one key are alternatives, except of `label`, as
 * with docker.
 *
 * @param find the image that a word names, for `before` and `since`
 * @throws {UsageError}
 */
export function parseFilters(
  words: readonly string[],
  keys: readonly FilterKey[],
  find: (word: string) => StoredImage,
): Filter {
  const expected = `The keys are ${keys.join(", ")}.`;
  const given = words.map((word) => {
    const [, name = "", value = ""] = /^([a-z]+!?)=(.*)$/s.exec(word) ?? [];
    const key = keys.find((key) => key === name);
    if (name === "") {
      throw new UsageError(`--filter ${word}: expected KEY=VALUE`, expected);
    }
    if (!key) {
      throw new UsageError(`--filter ${name}=…: unknown filter`, expected);
    }
    return { key, test: testOf(key, value, find) };
  });
  const all = given.filter(({ key }) => key.startsWith("label"));
  const groups = Object.values(
    Object.groupBy(given.filter((one) => !all.includes(one)), ({ key }) => key),
  );
  return (image) =>
    all.every(({ test }) => test(image)) &&
    groups.every((group) => group?.some(({ test }) => test(image)));
}

function testOf(
  key: FilterKey,
  value: string,
  find: (word: string) => StoredImage,
): Filter {
  const time = ({ created }: StoredImage) => Date.parse(created ?? "") || 0;
  switch (key) {
    case "dangling": {
      const wanted = flag(value);
      return ({ name }) => (name === undefined) === wanted;
    }
    case "label":
      return hasLabel(value);
    case "label!": {
      const has = hasLabel(value);
      return (image) => !has(image);
    }
    case "before": {
      const other = time(find(value));
      return (image) => time(image) < other;
    }
    case "since": {
      const other = time(find(value));
      return (image) => time(image) > other;
    }
    case "until": {
      const end = Date.parse(moment("filter until", value));
      return (image) => time(image) < end;
    }
    case "reference":
      return matching(value);
  }
}

function flag(value: string): boolean {
  if (["true", "1"].includes(value)) return true;
  if (["false", "0"].includes(value)) return false;
  throw new UsageError(`--filter dangling=${value}: expected true or false`);
}

function hasLabel(text: string): Filter {
  const at = text.indexOf("=");
  const key = at < 0 ? text : text.slice(0, at);
  return ({ labels }) =>
    Object.hasOwn(labels, key) &&
    (at < 0 || labels[key] === text.slice(at + 1));
}

/** Whether a name matches a pattern with `*`, `?` and `[…]`, as in a shell. */
export function matching(pattern: string): Filter {
  const source = pattern.replace(
    /\*|\?|\[[^\]]*\]|[\s\S]/g,
    (part) =>
      part === "*"
        ? "[^/]*"
        : part === "?"
        ? "[^/]"
        : part.length > 1
        ? part.replace(/\\/g, "\\\\").replace(/^\[[!^]/, "[^")
        : RegExp.escape(part),
  );
  const regex = new RegExp(`^${source}$`);
  return ({ name }) => {
    const reference = name === undefined ? null : asReference(name);
    if (!reference) return false;
    const whole = familiarName(reference);
    const names = [whole, whole.replace(/:[^/]*$/, ""), name ?? ""];
    return [...names, (name ?? "").replace(/:[^/]*$/, "")]
      .some((text) => regex.test(text));
  };
}
