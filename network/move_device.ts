/**
 * Moves interfaces of the host into a container's network namespace,
 * linux.netDevices of config.json. Runs on the host, while PID 1 waits.
 *
 * @module
 */

import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { SyscallError } from "../ffi/errno.ts";
import { ContainerError } from "../spec/errors.ts";
import { Netlink, type NetlinkMessage, RTM, text, word } from "./netlink.ts";

const IFF_UP = 1;
const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_UNIVERSE = 0;
const NLM_F_CREATE = 0x400;
const NLM_F_REPLACE = 0x100;

/** struct ifinfomsg of rtnetlink(7). */
function linkFront(index = 0, flags = 0, change = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return new Uint8Array(view.buffer);
}

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The state of an interface. */
interface Link {
  index: number;
  up: boolean;
}

function findLink(netlink: Netlink, name: string): Link {
  const { front } = netlink.get(RTM.RTM_GETLINK, {
    front: linkFront(),
    attributes: [[IFLA_IFNAME, text(name)]],
  });
  return {
    index: viewOf(front).getInt32(4, true),
    up: Boolean(viewOf(front).getUint32(8, true) & IFF_UP),
  };
}

function isThere(netlink: Netlink, name: string): boolean {
  try {
    findLink(netlink, name);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ENODEV") return false;
    throw error;
  }
}

/**
 * Permanent addresses with global scope, which the kernel did not assign: a
 * move loses them.
 */
function addressesOf(netlink: Netlink, index: number): NetlinkMessage[] {
  return netlink.list(RTM.RTM_GETADDR, new Uint8Array(8)).filter(
    ({ front, attributes }) => {
      const flags = attributes.find(([type]) => type === IFA_FLAGS)?.[1];
      return viewOf(front).getUint32(4, true) === index &&
        front[3] === RT_SCOPE_UNIVERSE &&
        Boolean(
          (flags ? viewOf(flags).getUint32(0, true) : front[2]!) &
            IFA_F_PERMANENT,
        );
    },
  );
}

const KEPT = [IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST];

function addAddress(
  netlink: Netlink,
  index: number,
  { front, attributes }: NetlinkMessage,
): void {
  const bytes = front.slice();
  // The kernel sets the flags.
  bytes[2] = 0;
  viewOf(bytes).setUint32(4, index, true);
  netlink.change(RTM.RTM_NEWADDR, {
    front: bytes,
    attributes: attributes.filter(([type]) => KEPT.includes(type)),
  }, NLM_F_CREATE | NLM_F_REPLACE);
}

const setUp = (netlink: Netlink, index: number, up: boolean) =>
  netlink.change(RTM.RTM_NEWLINK, {
    front: linkFront(index, up ? IFF_UP : 0, IFF_UP),
    attributes: [],
  });

/** A namespace that an interface can be in. */
interface Side {
  netlink: Netlink;
  namespace: Descriptor;
}

/** Moves an interface and its addresses, and brings it up if `up` is set. */
function move(
  from: Side,
  to: Side,
  { name, as, up }: { name: string; as: string; up: boolean },
): Link {
  const link = findLink(from.netlink, name);
  // The kernel moves the interface first and renames it afterwards. With a name
  // that exists, it would stay there under its old name.
  if (isThere(to.netlink, as)) throw new SyscallError("rtnetlink", "EEXIST");
  const addresses = addressesOf(from.netlink, link.index);
  setUp(from.netlink, link.index, false);
  try {
    from.netlink.change(RTM.RTM_NEWLINK, {
      front: linkFront(link.index),
      attributes: [
        [IFLA_NET_NS_FD, word(to.namespace.fd)],
        [IFLA_IFNAME, text(as)],
      ],
    });
  } catch (error) {
    setUp(from.netlink, link.index, link.up);
    for (const address of addresses) {
      addAddress(from.netlink, link.index, address);
    }
    throw error;
  }
  // If its index is taken there, it gets another one.
  const { index } = findLink(to.netlink, as);
  for (const address of addresses) addAddress(to.netlink, index, address);
  setUp(to.netlink, index, up);
  return link;
}

/** Moves interfaces, and moves them back. */
export class MovedDevices implements Disposable {
  readonly #held = new DisposableStack();
  readonly #host: Side;
  readonly #container: Side;
  readonly #moved: { name: string; as: string; up: boolean }[] = [];

  /** @param pid the first process of the container */
  constructor(pid: number) {
    this.#host = this.#side(`/proc/self/ns/net`, () => new Netlink());
    this.#container = this.#side(
      `/proc/${pid}/ns/net`,
      (namespace) => Netlink.within(namespace),
    );
  }

  #side(path: string, netlink: (namespace: Descriptor) => Netlink): Side {
    const namespace = this.#held.use(open(path, O.O_RDONLY));
    return { namespace, netlink: this.#held.use(netlink(namespace)) };
  }

  /**
   * Moves an interface into the network namespace of the process, and renames
   * it.
   *
   * @throws {ContainerError} if it cannot be moved
   */
  move(name: string, as: string): void {
    try {
      const { up } = move(this.#host, this.#container, { name, as, up: true });
      this.#moved.push({ name, as, up });
    } catch (cause) {
      if (!(cause instanceof SyscallError)) throw cause;
      throw new ContainerError(
        `Cannot move the network device ${name} into the container${
          as === name ? "" : ` as ${as}`
        }: ${HINTS[cause.code]?.[0] ?? cause.code}`,
        { hint: HINTS[cause.code]?.[1], cause },
      );
    }
  }

  /** Moves them back and restores their state. */
  back(): void {
    for (const { name, as, up } of this.#moved.splice(0).reverse()) {
      try {
        move(this.#container, this.#host, { name: as, as: name, up });
      } catch (error) {
        // It is gone from there; report the first error.
        if (!(error instanceof SyscallError)) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}

const HINTS: Record<string, [reason: string, hint: string] | undefined> = {
  ENODEV: ["there is no device with this name", "See ip link on the host."],
  EEXIST: [
    "a device with this name exists already",
    "Set another name in linux.netDevices.",
  ],
  EINVAL: [
    "it cannot leave its network namespace (EINVAL)",
    "Loopback, bridges and some tunnels cannot be moved.",
  ],
  EPERM: ["not permitted (EPERM)", "This requires CAP_NET_ADMIN. Run as root."],
};
