/**
 * Messages of rtnetlink(7) about the addresses of devices. Pure.
 *
 * @module
 */

import { addressBytes6 } from "../address6.ts";
import { addressBytes } from "../address.ts";
import { type Change, NLM, viewOf } from "../netlink/message.ts";

/** Messages of linux/rtnetlink.h about addresses. */
export const RTM_ADDRESS = { RTM_NEWADDR: 20, RTM_GETADDR: 22 } as const;

/** Attributes of an address, linux/if_addr.h. */
export const IFA = {
  IFA_ADDRESS: 1,
  IFA_LOCAL: 2,
  IFA_BROADCAST: 4,
  IFA_FLAGS: 8,
} as const;

/** AF_INET of socket(2). */
export const AF_INET = 2;

/** Gives a device an address, `172.18.0.2` with 16 bits of the network. */
export function newAddress(
  index: number,
  { address, bits }: { address: string; bits: number },
): Change {
  const front = new Uint8Array([AF_INET, bits, 0, 0, 0, 0, 0, 0]);
  viewOf(front).setUint32(4, index, true);
  const value = addressBytes(address);
  return {
    type: RTM_ADDRESS.RTM_NEWADDR,
    flags: NLM.NLM_F_CREATE | NLM.NLM_F_EXCL,
    front,
    attributes: [
      [IFA.IFA_LOCAL, value],
      [IFA.IFA_ADDRESS, value],
      [IFA.IFA_BROADCAST, broadcast(value, bits)],
    ],
  };
}

/** AF_INET6 of socket(2). */
export const AF_INET6 = 10;
/** The address is used at once, without asking whether another has it. */
const IFA_F_NODAD = 2;

/** Gives a device an IPv6 address, `fd00::2` with 64 bits of the network. */
export function newAddress6(
  index: number,
  { address, bits }: { address: string; bits: number },
): Change {
  const front = new Uint8Array([AF_INET6, bits, IFA_F_NODAD, 0, 0, 0, 0, 0]);
  viewOf(front).setUint32(4, index, true);
  return {
    type: RTM_ADDRESS.RTM_NEWADDR,
    flags: NLM.NLM_F_CREATE | NLM.NLM_F_EXCL,
    front,
    attributes: [[IFA.IFA_ADDRESS, addressBytes6(address)]],
  };
}

/** The last address of a network. */
function broadcast(address: Uint8Array, bits: number): Uint8Array {
  const bytes = address.slice();
  const view = viewOf(bytes);
  const hosts = bits === 0 ? 0xffffffff : (1 << (32 - bits)) - 1;
  view.setUint32(0, (view.getUint32(0) | hosts) >>> 0);
  return bytes;
}
