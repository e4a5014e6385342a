/**
 * What the tests of limits need to know about a machine, and must restore.
 *
 * @module
 */

import { type Hierarchy, readWords } from "../../cgroup/hierarchy.ts";

/** Every cgroup that a test of this process has made and not removed. */
export function ourCgroups({ mounts }: Hierarchy): string[] {
  const list = (path: string): string[] => [
    path,
    ...[...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
      .flatMap(({ name }) => list(`${path}/${name}`)),
  ];
  return mounts.flatMap(({ path }) => list(path))
    .filter((path) => path.includes(`-${Deno.pid}`)).sort();
}

/**
 * Restores the enabled controllers. A cgroup that needs a controller leaves it
 * enabled for those next to it.
 */
export function restoreEnabled({ mounts }: Hierarchy): Disposable {
  const file = mounts.find(({ version }) => version === 2)?.path +
    "/cgroup.subtree_control";
  const before = new Set(readWords(file) ?? []);
  return {
    [Symbol.dispose]() {
      for (const name of readWords(file) ?? []) {
        if (!before.has(name)) Deno.writeTextFileSync(file, `-${name}`);
      }
    },
  };
}

/** The disk that holds a block device's data, to which throttles apply. */
export function someDisk(): string | null {
  for (const { name } of Deno.readDirSync("/sys/block")) {
    if (/^(vd|sd|nvme|xvd)/.test(name)) return `/dev/${name}`;
  }
  return null;
}
