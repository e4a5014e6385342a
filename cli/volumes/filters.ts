/** The filters of lists of volumes, `--filter KEY=VALUE`. */

import type { Volume } from "../../images/store/volumes.ts";
import { UsageError } from "../../spec/errors.ts";

/** The keys that a command accepts. */
export type VolumeKey =
  | "dangling"
  | "driver"
  | "label"
  | "label!"
  | "name"
  | "all";

/** What the filters ask for. */
export interface VolumeFilters {
  fits(volume: Volume): boolean;
  /** `all=true` of prune. */
  all: boolean;
}

const isTrue = (word: string, value: string): boolean => {
  if (/^(true|1|t)$/i.test(value)) return true;
  if (/^(false|0|f)$/i.test(value)) return false;
  throw new UsageError(`--filter ${word}: ${value} is neither true nor false`);
};

/**
 * Parses filters. Values of one key are alternatives, except of labels, as with
 * docker. A name matches if it contains the value.
 *
 * @throws {UsageError}
 */
export function parseVolumeFilters(
  words: readonly string[],
  keys: readonly VolumeKey[],
): VolumeFilters {
  const values = new Map<string, string[]>();
  for (const word of words) {
    const [, key = "", value = ""] = word.match(/^([^=]*?!?)=(.*)$/s) ?? [];
    if (!keys.some((known) => known === key)) {
      throw new UsageError(
        `--filter ${word}: unknown filter`,
        `The keys are ${keys.join(", ")}.`,
      );
    }
    if (key === "dangling" || key === "all") isTrue(word, value);
    values.set(key, [...values.get(key) ?? [], value]);
  }
  const of = (key: VolumeKey) => values.get(key) ?? [];
  const some = (key: VolumeKey, fits: (value: string) => boolean) =>
    !values.has(key) || of(key).some(fits);
  return {
    all: of("all").some((value) => isTrue("all", value)),
    fits: (volume) =>
      some("name", (value) => volume.name.includes(value)) &&
      some("driver", (value) => volume.driver === value) &&
      some("dangling", (value) =>
        isTrue("dangling", value) === !volume.users.length) &&
      of("label").every((value) =>
        hasLabel(volume, value)
      ) &&
      !of("label!").some((value) => hasLabel(volume, value)),
  };
}

function hasLabel({ labels }: Volume, wanted: string): boolean {
  const [key = "", value] = wanted.split(/=(.*)/s);
  return Object.hasOwn(labels, key) &&
    (value === undefined || labels[key] === value);
}
