/**
 * Moves interfaces of the host into a container's network namespace,
 * linux.netDevices of config.json. Runs on the host, while PID 1 waits.
 *
 * @module
 */

import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { SyscallError } from "../ffi/errno.ts";
import { ContainerError } from "../spec/errors.ts";
import { NLM, text, valueOf, viewOf, word } from "./netlink/message.ts";
import { type Listed, Netlink } from "./netlink/socket.ts";
import { IFA, RTM_ADDRESS } from "./rtnetlink/addresses.ts";
import {
  getLink,
  IFLA,
  linkFront,
  parseLink,
  RTM_LINK,
  setUp,
} from "./rtnetlink/links.ts";

const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_UNIVERSE = 0;

/** The state of an interface. */
interface Link {
  index: number;
  up: boolean;
}

function findLink(netlink: Netlink, name: string): Link {
  return parseLink(netlink.get(RTM_LINK.RTM_GETLINK, getLink(name)));
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
function addressesOf(netlink: Netlink, index: number): Listed[] {
  return netlink.list(RTM_ADDRESS.RTM_GETADDR, new Uint8Array(8)).filter(
    ({ front, attributes }) => {
      const flags = valueOf(attributes, IFA.IFA_FLAGS);
      return viewOf(front).getUint32(4, true) === index &&
        front[3] === RT_SCOPE_UNIVERSE &&
        Boolean(
          (flags ? viewOf(flags).getUint32(0, true) : front[2]!) &
            IFA_F_PERMANENT,
        );
    },
  );
}

const KEPT: readonly number[] = [
  IFA.IFA_ADDRESS,
  IFA.IFA_LOCAL,
  IFA.IFA_BROADCAST,
];

function addAddress(
  netlink: Netlink,
  index: number,
  { front, attributes }: Listed,
): void {
  const bytes = front.slice();
  // The kernel sets the flags.
  bytes[2] = 0;
  viewOf(bytes).setUint32(4, index, true);
  netlink.change({
    type: RTM_ADDRESS.RTM_NEWADDR,
    flags: NLM.NLM_F_CREATE | NLM.NLM_F_REPLACE,
    front: bytes,
    attributes: attributes.filter(([type]) => KEPT.includes(type)),
  });
}

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
  from.netlink.change(setUp(link.index, false));
  try {
    from.netlink.change({
      type: RTM_LINK.RTM_NEWLINK,
      front: linkFront(link.index),
      attributes: [
        [IFLA.IFLA_NET_NS_FD, word(to.namespace.fd)],
        [IFLA.IFLA_IFNAME, text(as)],
      ],
    });
  } catch (error) {
    from.netlink.change(setUp(link.index, link.up));
    for (const address of addresses) {
      addAddress(from.netlink, link.index, address);
    }
    throw error;
  }
  // If its index is taken there, it gets another one.
  const { index } = findLink(to.netlink, as);
  for (const address of addresses) addAddress(to.netlink, index, address);
  to.netlink.change(setUp(index, up));
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
