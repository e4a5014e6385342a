/** The types of published ports, as steps name them. Only types: nothing here runs. */

/** The protocols that have ports to publish. */
export type PortProtocol = "tcp" | "udp" | "sctp";

/** A port of the host that is to lead to a port of the container. */
export interface AskedPort {
  /** The protocol of both. */
  protocol: PortProtocol;
  /** The address of the host, IPv4 or IPv6; empty: all addresses of both. */
  hostAddress: string;
  /** The ports of the host to choose from, the first and the last; 0: any. */
  host: readonly [first: number, last: number];
  /** The container's port. */
  port: number;
}

/** A port of the host that leads to a port of the container. */
export interface ReservedPort extends Omit<AskedPort, "host"> {
  /** The port of the host. */
  hostPort: number;
  /** The host has no IPv6. */
  ipv4Only?: true;
}

/** What a container publishes. */
export interface PortOptions {
  /** In the order in which they were asked for. */
  published: readonly AskedPort[];
  /** `80/tcp`: ports that the container is known to use. */
  exposed: readonly string[];
}
