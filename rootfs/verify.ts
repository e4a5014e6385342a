/**
 * Decides whether some bytes are a busybox for this machine, without running
 * them. Pure.
 *
 * @module
 */
import { inspectElf, machineName } from "./elf.ts";
import { SEED_APPLETS } from "./skeleton.ts";
import type { Arch } from "./sources.ts";

/** Why an executable cannot be used in a container; `null` if it can. */
export function staticBinaryProblem(
  bytes: Uint8Array,
  arch: Arch,
): string | null {
  const elf = inspectElf(bytes);
  if (elf === null) return "it is not an ELF executable";
  const machine = machineName(elf.machine);
  if (machine !== arch) {
    return `it is for ${machine}, but this machine is ${arch}`;
  }
  if (elf.dynamic) {
    const needs = elf.interpreter
      ? `it needs the loader ${elf.interpreter}`
      : "it needs shared libraries";
    return `it is dynamically linked (${needs})`;
  }
  return null;
}

/**
 * Parses the output of `busybox --list`. Never throws: for an unusable list the
 * result is a sentence that says why.
 */
export function parseApplets(output: string): string[] | string {
  const names = output.split("\n").map((line) => line.trim()).filter(Boolean);
  for (const name of names) {
    // The names become file names in bin, so they must not contain a slash.
    if (!/^[A-Za-z0-9_[][A-Za-z0-9_.+[-]*$/.test(name)) {
      return `its --list prints ${
        JSON.stringify(name)
      }, which is not an applet name`;
    }
  }
  const missing = SEED_APPLETS.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    return `its --list does not have ${missing.join(", ")}`;
  }
  return [...new Set(names)].filter((name) => name !== "busybox").sort();
}

/** The SHA-256 of some bytes in lower-case hexadecimal. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    bytes as Uint8Array<ArrayBuffer>,
  );
  return [...new Uint8Array(digest)]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
