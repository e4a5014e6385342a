/** The types of networks, as steps name them. Only types: nothing here runs. */

/** A network, or an address with the size of its network: `172.18.0.0/16`. */
export interface Subnet {
  /** In dotted decimal. */
  address: string;
  /** How many bits name the network: 0 to 32. */
  bits: number;
}

/** A network. */
export interface NetworkRecord {
  /** As commands name it. */
  name: string;
  /** 64 hexadecimal digits. */
  id: string;
  /** How its containers are connected. */
  driver: "bridge";
  /** RFC 3339. */
  created: string;
  /** Where the addresses of its containers lie. */
  subnet: Subnet;
  /** The address of the bridge. */
  gateway: string;
  /** Its IPv6 network, with the bridge's address; absent without IPv6. */
  ipv6?: { subnet: Subnet; gateway: string };
  /** Addresses are taken from here; by default from the whole subnet. */
  range?: Subnet;
  /** The name of the bridge. */
  bridge: string;
  /** Its containers reach nothing outside, and have no default route. */
  internal: boolean;
  /** Its containers reach each other (`com.docker.network.bridge.enable_icc`). */
  icc: boolean;
  /** Its containers have the host's address outside. */
  masquerade: boolean;
  /** The size of the largest packet; by default that of the way out. */
  mtu?: number;
  /** The name servers of its containers; by default the host's. */
  dns?: string[];
  /** Names and values that mean something to the user only. */
  labels: Record<string, string>;
  /** The options as they were given. */
  options: Record<string, string>;
}

/** A container, as the others of its networks know it. */
export interface NetworkMember {
  /** The ID of the container. */
  container: string;
  /** The name of the container, or else its short ID. */
  name: string;
  /** The other names by which containers of the network find it. */
  aliases: readonly string[];
}

/** The networks that a container is in from now on. */
export interface HostsChange {
  /** Its /etc/hosts on the host. */
  path: string;
  /** The IDs of its networks. */
  networks: readonly string[];
  /** Those of them whose containers find each other by name. */
  named: readonly string[];
}

/** A program that is the way out of a network namespace of a user. */
export interface WayOut {
  /** Which one. */
  program: "pasta" | "slirp4netns";
  /** Its path. */
  path: string;
  /**
   * A file that has its PID, while it runs. The path is also among its words, so
   * that it is found whatever was killed.
   */
  mark: string;
}
