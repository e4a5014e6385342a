/**
 * The host forwards packets between its networks only if `ip_forward` is set,
 * ip(7). It is set with the first container that needs it, noted, and set back
 * with the last one. Runs on the host.
 *
 * @module
 */

import { removeIfThere, textOrNull, writeWhole } from "../records/files.ts";

/** The setting of the host. */
export const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

/** The same for IPv6. */
const FORWARDING6 = "/proc/sys/net/ipv6/conf/all/forwarding";

/** What is set, with its note. */
const settings = (note: string) => [
  { file: IP_FORWARD, note, ipv6: false },
  { file: FORWARDING6, note: noteOf6(note), ipv6: true },
];

/** The note that belongs to IPv6. */
export const noteOf6 = (note: string): string => `${note}6`;

const isSet = (file: string) => textOrNull(file)?.trim() !== "0";

/** Whether the host forwards packets. */
export const forwards = (): boolean => isSet(IP_FORWARD);

/**
 * Sets it, and notes that it was not set.
 *
 * @param note the file of the note
 * @param boot the identity of this boot
 * @param ipv6 also for IPv6
 */
export function allowForwarding(
  note: string,
  boot: string,
  ipv6 = false,
): void {
  for (const { file, note: own, ipv6: is6 } of settings(note)) {
    if (is6 && !ipv6 || isSet(file)) continue;
    writeWhole(own, boot);
    Deno.writeTextFileSync(file, "1");
  }
}

/** Sets it back, if it was not set. */
export function restoreForwarding(note: string, boot: string): void {
  for (const { file, note: own } of settings(note)) {
    const noted = textOrNull(own);
    if (noted === null) continue;
    if (noted === boot) Deno.writeTextFileSync(file, "0");
    removeIfThere(own);
  }
}
