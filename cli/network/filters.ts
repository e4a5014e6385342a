/** The filters of lists of networks, `--filter KEY=VALUE`. */

import type { NetworkRecord } from "../../plan/network.ts";
import { UsageError } from "../../spec/errors.ts";
import { moment } from "../daily/times.ts";

/** The keys that a command accepts. */
export type NetworkFilterKey = "name" | "id" | "driver" | "label" | "until";

/** A network of a list. */
export type Listed = Pick<NetworkRecord, "name" | "id" | "labels"> & {
  driver: string;
  created?: string;
};

/**
 * Parses filters. Values of one key are alternatives, except of `label`, as
 * with docker.
 *
 * @throws {UsageError}
 */
export function parseNetworkFilters(
  words: readonly string[],
  keys: readonly NetworkFilterKey[],
): (network: Listed) => boolean {
  const expected = `The keys are ${keys.join(", ")}.`;
  const given = words.map((word) => {
    const [, name = "", value = ""] = /^([a-z]+)=(.*)$/s.exec(word) ?? [];
    const key = keys.find((key) => key === name);
    if (!key) {
      throw new UsageError(
        name === ""
          ? `--filter ${word}: expected KEY=VALUE`
          : `--filter ${name}=…: unknown filter`,
        expected,
      );
    }
    return { key, test: testOf(key, value) };
  });
  const groups = Object.values(Object.groupBy(given, ({ key }) => key));
  return (network) =>
    groups.every((group = []) =>
      group[0]?.key === "label"
        ? group.every(({ test }) => test(network))
        : group.some(({ test }) => test(network))
    );
}

function testOf(
  key: NetworkFilterKey,
  value: string,
): (network: Listed) => boolean {
  switch (key) {
    case "name":
      return ({ name }) => name.includes(value);
    case "id":
      return ({ id }) => id.startsWith(value);
    case "driver":
      return ({ driver }) => driver === value;
    case "label": {
      const [, label = value, wanted] = /^([^=]*)=(.*)$/s.exec(value) ?? [];
      return ({ labels }) =>
        Object.hasOwn(labels, label) &&
        (wanted === undefined || labels[label] === wanted);
    }
    case "until": {
      const end = Date.parse(moment("filter until", value));
      return ({ created }) => Date.parse(created ?? "") < end;
    }
  }
}
