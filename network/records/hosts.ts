/**
 * /etc/hosts of the containers, on the side of the host. A network's directory
 * knows its members; with each that joins or leaves, the files of the others
 * are written again, in place, so that the bind mount inside shows the new text.
 * Runs on the host.
 *
 * @module
 */

import { lockFile, removeIfThere, textOrNull, writeWhole } from "./files.ts";
import { type Member, memberOf, membersOf } from "./leases.ts";
import { shortNetworkId } from "./record.ts";

/** What the file of a container is made of; next to it, as PATH.json. */
interface Parts {
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

/** A file that a container has made larger is cut first. */
const LARGEST = 1 << 20;

const line = (
  { address, name, aliases, container }: Member,
  names: readonly string[] = [],
) =>
  `${address}\t${
    [...new Set([...names, name, ...aliases, shortNetworkId(container)])]
      .join(" ")
  }\n`;

/**
 * The text of the file: the container's own names come before those of others.
 *
 * @param members the containers of a network, by its directory
 */
function textOf(
  { container, names, text, networks, named }: Parts,
  members: (directory: string) => readonly Member[],
): string {
  const others = named.flatMap((directory) =>
    members(directory).filter((one) => one.container !== container)
  );
  const own = networks.flatMap((directory) =>
    memberOf(directory, container) ?? []
  );
  return [
    text,
    ...own.map((member) => line(member, names)),
    ...others.map((member) => line(member)),
  ].join("");
}

/** Makes the file of a container, and adds its names to those of the others. */
export function makeHosts(path: string, parts: Parts): void {
  Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), {
    recursive: true,
    mode: 0o711,
  });
  removeIfThere(path);
  writeWhole(`${path}.json`, JSON.stringify(parts));
  using _lock = lockHosts(path);
  const members = membersIn(parts.boot);
  Deno.writeTextFileSync(path, textOf(parts, members), { createNew: true });
  Deno.chmodSync(path, 0o644);
  tellOthers(path, parts, members);
}

/** Removes the file of a container, and its names from those of the others. */
export function removeHosts(path: string): void {
  const text = textOrNull(`${path}.json`);
  if (text === null) return;
  using _lock = lockHosts(path);
  removeIfThere(path);
  removeIfThere(`${path}.json`);
  const parts: Parts = JSON.parse(text);
  // It still has its addresses.
  tellOthers(path, parts, membersIn(parts.boot, parts.container));
}

/** One writer at a time, or an older text could be the last one. */
const lockHosts = (path: string) => lockFile(path.replace(/[^/]*$/, ".lock"));

/** Returns a function that reads the members of each network once. */
function membersIn(boot: string, without?: string) {
  const known = new Map<string, readonly Member[]>();
  return (directory: string): readonly Member[] => {
    const found = known.get(directory) ??
      membersOf(directory, boot).filter(({ container }) =>
        container !== without
      );
    known.set(directory, found);
    return found;
  };
}

function tellOthers(
  path: string,
  { named, container }: Parts,
  members: ReturnType<typeof membersIn>,
): void {
  const others = new Set(
    named.flatMap((directory) =>
      members(directory).map((member) => member.container)
    ),
  );
  others.delete(container);
  for (const other of others) {
    const file = path.replace(/[^/]*$/, other);
    const text = textOrNull(`${file}.json`);
    if (text !== null) rewrite(file, textOf(JSON.parse(text), members));
  }
}

/**
 * Replaces the text in place. The rest of a longer text becomes empty lines:
 * nobody ever reads an empty or a mixed file.
 */
function rewrite(path: string, text: string): void {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true });
  } catch (error) {
    // It has not been made yet, or is gone.
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    const bytes = new TextEncoder().encode(text);
    const { size } = file.statSync();
    if (size > LARGEST) file.truncateSync(0);
    const padded = new Uint8Array(
      size > LARGEST ? bytes.length : Math.max(size, bytes.length),
    ).fill(10);
    padded.set(bytes);
    for (let rest = padded; rest.length;) {
      rest = rest.subarray(file.writeSync(rest));
    }
  } finally {
    file.close();
  }
}
