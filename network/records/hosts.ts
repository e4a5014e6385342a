/**
 * /etc/hosts of containers, on the side of the host. `names` in a network's
 * directory has the line of each member. When a container joins, its line is
 * appended to the files of the others, in place, so that the bind mount inside
 * shows the new text. When it leaves, its lines become empty ones. So a change
 * costs the same few bytes for each file, however long the files are. Runs on
 * the host.
 *
 * @module
 */

import type { HostsChange } from "../../plan/network.ts";
import {
  lockFile,
  namesIn,
  removeIfThere,
  textOrNull,
  writeWhole,
} from "./files.ts";
import { appendLine, blankLines, rewrite } from "./hosts_text.ts";
import { addressesOf, type Member, memberOf, membersOf } from "./leases.ts";
import { shortNetworkId } from "./record.ts";

/** What the file of a container is made of; next to it, as PATH.json. */
export interface HostsParts {
  container: string;
  /** Its hostname, with and without its domain. */
  names: readonly string[];
  /** The lines that do not depend on networks. */
  text: string;
  /** The directories of its networks, in order. */
  networks: readonly string[];
  /** Those of them whose containers find each other by name. */
  named: readonly string[];
  boot: string;
}

const lineOf = (
  { address, address6, name, aliases, container }: Member,
  names: readonly string[] = [],
) => {
  const all = [
    ...new Set([...names, name, ...aliases, shortNetworkId(container)]),
  ].join(" ");
  return addressesOf({ address, address6 })
    .map((one) => `${one}\t${all}\n`).join("");
};

/** What ends the lines of a container: its short ID is its last name. */
const endOf = (container: string) => ` ${shortNetworkId(container)}\n`;

/** The text of the file: the container's own names come before those of others. */
function textOf({ container, names, text, networks, named, boot }: HostsParts) {
  const own = networks.flatMap((directory) =>
    memberOf(directory, container) ?? []
  );
  const end = endOf(container);
  return [
    text,
    ...own.map((member) => lineOf(member, names)),
    ...named.flatMap((directory) =>
      indexOf(directory, boot).split(/(?<=\n)/)
        .filter((line) => line !== "\n" && !line.endsWith(end))
    ),
  ].join("");
}

/** The line of each member of a network, in this boot. */
function indexOf(directory: string, boot: string): string {
  const head = `# ${boot}\n`;
  const text = textOrNull(indexPath(directory));
  if (text?.startsWith(head)) return text.slice(head.length);
  const lines = membersOf(directory, boot).map((member) => lineOf(member))
    .join("");
  if (isThere(directory)) writeWhole(indexPath(directory), head + lines);
  return lines;
}

const indexPath = (directory: string) => `${directory}/names`;

/** Makes the file of a container, and adds its names to those of the others. */
export function makeHosts(path: string, parts: HostsParts): void {
  Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), {
    recursive: true,
    mode: 0o711,
  });
  removeIfThere(path);
  writeParts(path, parts);
  using _lock = lockHosts(path);
  Deno.writeTextFileSync(path, textOf(parts), { createNew: true });
  Deno.chmodSync(path, 0o644);
  for (const directory of parts.named) announce(path, parts, directory);
}

/**
 * Changes the networks of a container that runs: its own file is written again
 * in place, and its names are added to the files of the others, or removed.
 *
 * @param parts the networks that it is in from now on
 */
export function changeHosts(
  path: string,
  parts: Pick<HostsParts, "networks" | "named">,
): void {
  const before = partsOf(path);
  if (!before) return;
  using _lock = lockHosts(path);
  const after = { ...before, ...parts };
  writeParts(path, after);
  for (const directory of before.named) {
    if (!after.named.includes(directory)) withdraw(path, after, directory);
  }
  rewrite(path, textOf(after));
  for (const directory of after.named) {
    if (!before.named.includes(directory)) announce(path, after, directory);
  }
}

/** The directories of the networks of a change. */
export function directoriesOf(
  { records, networks, named }: HostsChange & { records: string },
): Pick<HostsParts, "networks" | "named"> {
  const all = (ids: readonly string[]) => ids.map((id) => `${records}/${id}`);
  return { networks: all(networks), named: all(named) };
}

/** Writes the file of a container again, from what is recorded. */
export function renewHosts(path: string): void {
  const parts = partsOf(path);
  if (!parts) return;
  using _lock = lockHosts(path);
  for (const directory of parts.named) removeIfThere(indexPath(directory));
  rewrite(path, textOf(parts));
}

/** Removes the file of a container, and its names from those of the others. */
export function removeHosts(path: string): void {
  const parts = partsOf(path);
  if (!parts) return;
  using _lock = lockHosts(path);
  for (const directory of parts.named) withdraw(path, parts, directory);
  removeIfThere(path);
  removeIfThere(`${path}.json`);
}

function partsOf(path: string): HostsParts | null {
  const text = textOrNull(`${path}.json`);
  return text === null ? null : JSON.parse(text);
}

const writeParts = (path: string, parts: HostsParts) =>
  writeWhole(`${path}.json`, JSON.stringify(parts));

/** One writer at a time, or a line could be lost. */
const lockHosts = (path: string) => lockFile(path.replace(/[^/]*$/, ".lock"));

/** Adds the line of a container to the files of the others in a network. */
function announce(
  path: string,
  { container, boot }: HostsParts,
  directory: string,
): void {
  const member = memberOf(directory, container);
  if (!member) return;
  const line = lineOf(member);
  // The members are read before the line is there, or it would be twice.
  const index = indexOf(directory, boot);
  if (!index.includes(line)) appendLine(indexPath(directory), line);
  for (const other of othersOf(path, directory, container)) {
    appendLine(other, line);
  }
}

/** Removes the lines of a container from the files of the others in a network. */
function withdraw(
  path: string,
  { container }: HostsParts,
  directory: string,
): void {
  const member = memberOf(directory, container);
  const found = {
    starts: member
      ? addressesOf(member).map((address) => `${address}\t`)
      : [""],
    end: endOf(container),
    usual: sizeOf(indexPath(directory)),
  };
  blankLines(indexPath(directory), found);
  for (const other of othersOf(path, directory, container)) {
    blankLines(other, found);
  }
}

/** The files of the others in a network. Some may not exist. */
const othersOf = (path: string, directory: string, container: string) =>
  namesIn(`${directory}/members`).filter((other) => other !== container)
    .map((other) => path.replace(/[^/]*$/, other));

function sizeOf(path: string): number {
  return textOrNull(path)?.replace(/\n{2,}/g, "\n").length ?? 0;
}

function isThere(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
