/**
 * What a container publishes while it runs: one file for each container, next to
 * the records of networks. Runs on the host.
 *
 * @module
 */

import type { ReservedPort } from "../../plan/ports.ts";
import {
  namesIn,
  removeIfThere,
  textOrNull,
  writeWhole,
} from "../records/files.ts";

/** The ports of a container, and the process that holds them. */
export interface PortsRecord {
  /** The container's ID. */
  container: string;
  /** The name of the container, or else its short ID. */
  name: string;
  /** The boot in which they were reserved. */
  boot: string;
  ports: readonly ReservedPort[];
  /** The process that has bound them. */
  relay: { pid: number; startTime: string };
  /** The container's address, before the firewall leads to it. */
  address?: string;
}

/** Reads a record; null if there is none. */
export function readPorts(path: string): PortsRecord | null {
  const text = textOrNull(path);
  return text === null ? null : JSON.parse(text);
}

/** Writes a record whole or not at all. */
export function writePorts(path: string, record: PortsRecord): void {
  Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), {
    recursive: true,
    mode: 0o700,
  });
  writeWhole(path, JSON.stringify(record));
}

/** Removes a record, if it is there. */
export const forgetPorts = (path: string): void => removeIfThere(path);

/** The records of all containers whose ports are next to this one's. */
export function otherPorts(path: string): PortsRecord[] {
  const [, directory, own] = /^(.*)\/([^/]*)$/.exec(path)!;
  return namesIn(directory!).filter((name) => name !== own)
    .flatMap((name) => readPorts(`${directory}/${name}`) ?? []);
}
