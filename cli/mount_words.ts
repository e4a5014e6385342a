/**
 * The options of `--volume` and `--mount`: which exist, which exclude each
 * other, and suggestions for unknown ones. Pure.
 */

import { BIND_OPTIONS, mountOptions } from "../plan/mounts/options.ts";
import { UsageError } from "../spec/errors.ts";
import { closestString } from "../containers/run/closest.ts";

/** Options of docker and podman that have no effect here. */
const WITHOUT_EFFECT = [
  "nocopy",
  "consistent",
  "cached",
  "delegated",
  // SELinux labels: containers/decide/spec.ts reports them if there is SELinux.
  "z",
  "Z",
];

/** Words of `--mount` that cli/run_values.ts translates into options. */
const MOUNT_WORDS = ["readonly", "bind-propagation", "bind-recursive"];

const PROPAGATIONS = /^r?(private|slave|shared|unbindable)$/;

/** Only one option of each pair can be given. */
const PAIRS: readonly (readonly string[])[] = [
  ["ro", "rw"],
  ["rro", "rw"],
  ["bind", "rbind"],
  ["exec", "noexec"],
  ["suid", "nosuid"],
  ["dev", "nodev"],
  ["z", "Z"],
];

const nearest = (word: string, known: readonly string[]) => {
  const near = closestString(word.toLowerCase(), known);
  return near && near.length > 1 ? `Did you mean ${near}? ` : "";
};

/**
 * The options of a bind mount for the Spec. As with docker, mounts below the
 * source are included by default.
 *
 * @throws {UsageError} for an unknown option, with a suggestion, and for two
 * that contradict each other
 */
export function bindOptions(flag: string, words: readonly string[]): string[] {
  const known = [...BIND_OPTIONS, ...WITHOUT_EFFECT];
  const plain = words.filter((word) => !/^r?idmap=/.test(word));
  for (const word of plain) {
    const strange = mountOptions([word]).data.length > 0;
    if (!strange || WITHOUT_EFFECT.includes(word)) continue;
    throw new UsageError(
      `${flag}: unknown option ${word}`,
      `${
        nearest(word, [...known, ...MOUNT_WORDS])
      }The options include ro, rw, bind, rbind, noexec, nosuid, nodev, private, slave, shared and idmap.`,
    );
  }
  const pair = PAIRS.find((pair) => pair.every((word) => words.includes(word)));
  const spread = [...new Set(words.filter((word) => PROPAGATIONS.test(word)))];
  const both = pair ?? (spread.length > 1 ? spread : null);
  if (both) {
    throw new UsageError(
      `${flag}: ${both[0]} and ${both[1]} cannot be used together`,
      "Remove one of them.",
    );
  }
  return [
    ...(words.includes("bind") ? [] : ["rbind"]),
    ...words.filter((word) => word !== "rbind" && word !== "nocopy"),
  ];
}

/** The options of a tmpfs, tmpfs(5), by the word before `=`. */
const TMPFS_OPTIONS = [
  ...["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"],
  ...["huge", "mpol", "inode32", "inode64", "noswap"],
];

/**
 * Refuses options that a tmpfs does not have.
 *
 * @throws {UsageError} with a suggestion
 */
export function checkTmpfsOptions(
  flag: string,
  words: readonly string[],
): void {
  for (const word of mountOptions(words).data) {
    const [key = ""] = word.split("=");
    if (TMPFS_OPTIONS.includes(key)) continue;
    const known = [
      ...TMPFS_OPTIONS,
      ...["ro", "rw", "exec", "noexec", "nosuid", "nodev"],
    ];
    throw new UsageError(
      `${flag}: unknown option ${key}`,
      `${
        nearest(key, known)
      }The options of a tmpfs include size=, mode=, uid= and gid=.`,
    );
  }
}
