/** The sysctls that belong to a namespace; every other one applies to the whole host. */

import type { NamespaceType } from "./types.ts";

const HOLDERS: readonly [pattern: RegExp, holder: NamespaceType][] = [
  [/^net\./, "network"],
  [/^kernel\.(shm|msg|sem)/, "ipc"],
  [/^fs\.mqueue\./, "ipc"],
  [/^kernel\.(hostname|domainname)$/, "uts"],
];

/** The type of namespace that a sysctl belongs to; null if it is the host's. */
export function holderOfSysctl(key: string): NamespaceType | null {
  return HOLDERS.find(([pattern]) => pattern.test(key))?.[1] ?? null;
}
