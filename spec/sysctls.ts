/** Sysctls that a namespace holds; every other one is the whole host's. */

import type { NamespaceType } from "./types.ts";

const HOLDERS: readonly [pattern: RegExp, holder: NamespaceType][] = [
  [/^net\./, "network"],
  [/^kernel\.(shm|msg|sem)/, "ipc"],
  [/^fs\.mqueue\./, "ipc"],
  [/^kernel\.(hostname|domainname)$/, "uts"],
];

/** What kind of namespace holds a sysctl; null for none. */
export function holderOfSysctl(key: string): NamespaceType | null {
  return HOLDERS.find(([pattern]) => pattern.test(key))?.[1] ?? null;
}
