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

/** Whether the host forwards packets. */
export const forwards = (): boolean =>
  Deno.readTextFileSync(IP_FORWARD).trim() !== "0";

/**
 * Sets it, and notes that it was not set.
 *
 * @param note the file of the note
 * @param boot the identity of this boot
 */
export function allowForwarding(note: string, boot: string): void {
  if (forwards()) return;
  writeWhole(note, boot);
  Deno.writeTextFileSync(IP_FORWARD, "1");
}

/** Sets it back, if it was not set. */
export function restoreForwarding(note: string, boot: string): void {
  const noted = textOrNull(note);
  if (noted === null) return;
  if (noted === boot) Deno.writeTextFileSync(IP_FORWARD, "0");
  removeIfThere(note);
}
