/**
 * The addresses of a network that containers have. In the network's directory,
 * `members/CONTAINER` describes a container's place in it, and `leases/ADDRESS`
 * is a symbolic link with the container's ID as its text: symlink(2) makes it
 * whole, and fails if the address is taken. The description is written first
 * and removed last, so a lease without it is over. Runs on the host.
 *
 * @module
 */

import type { NetworkMember } from "../../plan/network.ts";
import { ContainerError } from "../../spec/errors.ts";
import {
  addressNumber,
  addressOfNumber,
  contains,
  rangeOf,
  subnetText,
} from "../address.ts";
import {
  lockFile,
  namesIn,
  removeIfThere,
  textOrNull,
  writeWhole,
} from "./files.ts";
import { addressBeside, checkWanted6 } from "./addresses6.ts";
import { macOf, type NetworkRecord, noSuchNetwork } from "./record.ts";

/** A container's place in a network. */
export interface Member extends NetworkMember {
  address: string;
  /** Absent in a network without IPv6. */
  address6?: string;
  mac: string;
  /** The boot in which it joined: with its end all leases are over. */
  boot: string;
}

/** What a container wants of a network. */
export type Wanted =
  & Pick<Member, "container" | "name" | "aliases" | "boot">
  & { address?: string; address6?: string; mac?: string };

/** The last address that was given, so that an address is not given again soon. */
const LAST = "last";

/**
 * Gives a container an address.
 *
 * @param directory the directory of the network
 * @throws {ContainerError} if the address is taken, or none is left
 */
export function takeLease(
  directory: string,
  record: NetworkRecord,
  wanted: Wanted,
): Member {
  using _lock = lockOf(directory, record);
  for (const name of ["members", "leases"]) {
    Deno.mkdirSync(`${directory}/${name}`, { recursive: true, mode: 0o700 });
  }
  const take = (address: string): Member | null => {
    const member: Member = {
      container: wanted.container,
      name: wanted.name,
      aliases: wanted.aliases,
      boot: wanted.boot,
      address,
      mac: wanted.mac ?? macOf(address),
    };
    const address6 = record.ipv6 &&
      (wanted.address6 ?? addressBeside(record.ipv6, record.subnet, address));
    // There are fewer addresses of IPv6 than of IPv4.
    if (address6 === null) return null;
    if (address6) member.address6 = address6;
    const all = addressesOf(member);
    if (all.some((one) => !isFree(directory, one, wanted.boot))) return null;
    writeWhole(
      `${directory}/members/${wanted.container}`,
      JSON.stringify(member),
    );
    for (const one of all) {
      Deno.symlinkSync(wanted.container, `${directory}/leases/${one}`);
    }
    return member;
  };
  // A container whose end nobody has seen yet gets its address again.
  const own = memberOf(directory, wanted.container);
  releaseLease(directory, wanted.container);
  const kept = own?.boot === wanted.boot && wanted.address === undefined
    ? take(own.address)
    : null;
  if (kept) return kept;
  if (wanted.address6 !== undefined) {
    checkWanted6(record, wanted.address6);
    if (!isFree(directory, wanted.address6, wanted.boot)) {
      throw inUse(wanted.address6, record);
    }
  }
  if (wanted.address !== undefined) {
    checkWanted(record, wanted.address);
    const taken = take(wanted.address);
    if (taken) return taken;
    throw inUse(wanted.address, record);
  }
  for (const address of candidates(directory, record)) {
    const taken = take(address);
    if (!taken) continue;
    writeWhole(`${directory}/${LAST}`, address);
    return taken;
  }
  throw new ContainerError(
    `Cannot join the network ${record.name}: all addresses of ${
      subnetText(record.range ?? record.subnet)
    } are taken`,
    { hint: "Stop other containers, or create a larger network." },
  );
}

const inUse = (address: string, { name }: NetworkRecord) =>
  new ContainerError(
    `Cannot use the address ${address}: a container of the network ${name} has it`,
    { hint: "Choose another one with --ip, or leave the choice to us." },
  );

/** All addresses of a member. */
export const addressesOf = (
  { address, address6 }: Pick<Member, "address" | "address6">,
): string[] => [
  address,
  ...address6 === undefined ? [] : [address6],
];

function lockOf(directory: string, record: NetworkRecord): Disposable {
  try {
    return lockFile(`${directory}/lock`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw noSuchNetwork(record.name);
    throw error;
  }
}

/**
 * Refuses an address that no container of the network can have.
 *
 * @throws {ContainerError}
 */
export function checkWanted(record: NetworkRecord, address: string): void {
  const { subnet, gateway, name } = record;
  const [first, last] = rangeOf(subnet).map(addressOfNumber);
  const fault = !contains(subnet, address)
    ? `it is not in ${subnetText(subnet)}`
    : address === gateway
    ? "it is the gateway"
    : address === first || address === last
    ? "it is the first or last address of the network"
    : null;
  if (fault === null) return;
  throw new ContainerError(
    `Cannot use the address ${address} in the network ${name}: ${fault}`,
    { hint: `Choose another one of ${subnetText(subnet)}.` },
  );
}

/** The addresses that can be given, in the order in which they are tried. */
function* candidates(
  directory: string,
  { subnet, range = subnet, gateway }: NetworkRecord,
): Generator<string> {
  const [network, broadcast] = rangeOf(subnet);
  const [first, last] = rangeOf(range);
  const before = addressNumber(textOrNull(`${directory}/${LAST}`) ?? "") ?? -1;
  const start = before >= first && before < last ? before + 1 : first;
  const size = last - first + 1;
  const taken = new Set([network, broadcast, addressNumber(gateway)]);
  for (let index = 0; index < size; index++) {
    const number = first + (start - first + index) % size;
    if (!taken.has(number)) yield addressOfNumber(number);
  }
}

/** Whether an address is free; a lease that is over is removed. */
function isFree(directory: string, address: string, boot: string): boolean {
  const path = `${directory}/leases/${address}`;
  const container = linkOrNull(path);
  if (container === null) return true;
  const member = memberOf(directory, container);
  const isHeld = member && addressesOf(member).includes(address);
  if (isHeld && member.boot === boot) return false;
  Deno.removeSync(path);
  return true;
}

function linkOrNull(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The place of a container in a network; null if it has none. */
export function memberOf(directory: string, container: string): Member | null {
  const text = textOrNull(`${directory}/members/${container}`);
  return text === null ? null : JSON.parse(text);
}

/** The containers of a network, since this boot. */
export const membersOf = (directory: string, boot: string): Member[] =>
  namesIn(`${directory}/members`)
    .flatMap((container) => memberOf(directory, container) ?? [])
    .filter((member) => member.boot === boot);

/** Whether a network has containers, since this boot. */
export const hasMembers = (directory: string, boot: string): boolean =>
  namesIn(`${directory}/members`).some((container) =>
    memberOf(directory, container)?.boot === boot
  );

/** Gives an address back. It does nothing if the container has none. */
export function releaseLease(directory: string, container: string): void {
  const member = memberOf(directory, container);
  if (!member) return;
  for (const address of addressesOf(member)) {
    const path = `${directory}/leases/${address}`;
    if (linkOrNull(path) === container) removeIfThere(path);
  }
  removeIfThere(`${directory}/members/${container}`);
}
