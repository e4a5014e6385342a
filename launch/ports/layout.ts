/**
 * The configuration of the relay of published ports, launch/native/port_relay.c:
 * a head and one entry for each address and port. Both sides write to it.
 */

/** Sizes in bytes, and offsets. Numbers of ports are in the machine's order. */
export const RELAY_CONFIG = {
  magic: 0x54524f50,
  head: 64,
  entry: 40,
} as const;

/** Offsets in the head. */
export const HEAD = {
  magic: 0,
  count: 4,
  error: 8,
  failed: 12,
  pid: 16,
  family: 20,
  address: 24,
  enter: 40,
} as const;

/** Offsets in an entry. */
export const ENTRY = {
  family: 0,
  protocol: 2,
  flags: 3,
  first: 4,
  last: 6,
  inside: 8,
  chosen: 10,
  address: 12,
  fd: 28,
} as const;

/** Flags of an entry. */
export const ENTRY_FLAG = {
  /** It gets the port of the entry before. */
  twin: 1,
  /** A kernel without this address family is no error. */
  optional: 2,
} as const;

/** The descriptors that the relay starts with. */
export const RELAY_DESCRIPTOR = { config: 3, control: 4 } as const;

/** Address families, socket(2). */
export const FAMILY = { ipv4: 2, ipv6: 10 } as const;
