/**
 * Starts the relay of published ports (launch/native/port_relay.c): the process
 * that binds a container's ports on the host, and serves loopback and IPv6. Runs
 * on the host, in the command that starts the container.
 */

import { errnoName } from "../../ffi/errno.ts";
import {
  Descriptor,
  memoryFile,
  moveUp,
  O,
  open,
  readAt,
} from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { socketPair } from "../../ffi/socket.ts";
import { spawn } from "../../ffi/spawn.ts";
import { sendDescriptor } from "../../ffi/unix_socket.ts";
import { wait } from "../../ffi/wait.ts";
import { addressBytes } from "../../network/address.ts";
import { PROTOCOL_NUMBER } from "../../network/ports/conntrack.ts";
import { ipv6Bytes, isIpv6 } from "../../network/ports/port_words.ts";
import type { AskedPort, ReservedPort } from "../../plan/ports.ts";
import { ContainerError } from "../../spec/errors.ts";
import { executableFile } from "../walker.ts";
import { PORT_RELAY } from "../native/port_relay_code.ts";
import {
  ENTRY,
  ENTRY_FLAG,
  FAMILY,
  HEAD,
  RELAY_CONFIG,
  RELAY_DESCRIPTOR,
} from "./layout.ts";

/** How many digits of the ID ps(1) shows. */
const SHOWN = 12;

/** An address and port that cannot be bound. */
export class PortError extends Error {
  constructor(
    readonly asked: AskedPort,
    /** The address that was tried. */
    readonly address: string,
    /** The last port that was tried; 0 if the kernel chose. */
    readonly port: number,
    /** For example `EADDRINUSE`. */
    readonly code: string,
  ) {
    super(`bind: ${code}`);
  }
}

/** The addresses that a port is bound on. */
const addressesOf = ({ hostAddress }: AskedPort): readonly string[] =>
  hostAddress === "" ? ["0.0.0.0", "::"] : [hostAddress];

interface Entry {
  asked: AskedPort;
  address: string;
  flags: number;
}

const entriesOf = (ports: readonly AskedPort[]): Entry[] =>
  ports.flatMap((asked) =>
    addressesOf(asked).map((address, index): Entry => ({
      asked,
      address,
      flags: index ? ENTRY_FLAG.twin | ENTRY_FLAG.optional : 0,
    }))
  );

function configOf(entries: readonly Entry[], enters: boolean): Uint8Array {
  const { magic, head, entry } = RELAY_CONFIG;
  const bytes = new Uint8Array(head + entry * entries.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(HEAD.magic, magic, true);
  view.setUint32(HEAD.count, entries.length, true);
  view.setUint32(HEAD.enter, Number(enters), true);
  entries.forEach(({ asked, address, flags }, index) => {
    const at = head + entry * index;
    const [first, last] = asked.host;
    view.setUint16(
      at + ENTRY.family,
      isIpv6(address) ? FAMILY.ipv6 : FAMILY.ipv4,
      true,
    );
    bytes[at + ENTRY.protocol] = PROTOCOL_NUMBER[asked.protocol];
    bytes[at + ENTRY.flags] = flags;
    view.setUint16(at + ENTRY.first, first, true);
    view.setUint16(at + ENTRY.last, last, true);
    view.setUint16(at + ENTRY.inside, asked.port, true);
    bytes.set(
      isIpv6(address) ? ipv6Bytes(address)! : addressBytes(address),
      at + ENTRY.address,
    );
  });
  return bytes;
}

/** The range from which a kernel without SCTP has no port chosen, ip(7). */
function anyPort(): number {
  const [first = 32768, last = 60999] = Deno.readTextFileSync(
    "/proc/sys/net/ipv4/ip_local_port_range",
  ).trim().split(/\s+/).map(Number);
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return first + random % (last - first + 1);
}

/**
 * A relay that has bound its ports. If it is disposed of before
 * {@linkcode PortRelay.start}, the relay ends, and the ports are free.
 */
export class PortRelay implements Disposable {
  readonly #held: DisposableStack;
  readonly #config: Descriptor;
  readonly #control: Descriptor;

  private constructor(
    held: DisposableStack,
    config: Descriptor,
    control: Descriptor,
    /** The relay's PID on the host. */
    readonly pid: number,
    /** The ports with the numbers that were chosen. */
    readonly ports: readonly ReservedPort[],
  ) {
    this.#held = held;
    this.#config = config;
    this.#control = control;
  }

  /**
   * Starts a relay, which binds ports and waits.
   *
   * @param enters it reaches the container from the container's own network
   * namespace, as it must without root
   * @throws {PortError} for the first address and port that cannot be bound
   */
  static bind(
    container: string,
    asked: readonly AskedPort[],
    enters = false,
  ): PortRelay {
    using held = new DisposableStack();
    const entries = entriesOf(asked);
    const config = held.use(
      moveUp(memoryFile("ports", configOf(entries, enters))),
    );
    const [ours, theirs] = socketPair().map((end) => moveUp(end));
    const control = held.use(ours!);
    {
      using executable = moveUp(
        executableFile("ports", PORT_RELAY[Deno.build.arch].code),
      );
      using none = moveUp(open("/dev/null", O.O_RDWR));
      using end = theirs!;
      const pid = spawn(
        `/proc/self/fd/${executable.fd}`,
        ["container-ports", container.slice(0, SHOWN)],
        {
          ...{ 0: none.fd, 1: none.fd, 2: none.fd },
          [RELAY_DESCRIPTOR.config]: config.fd,
          [RELAY_DESCRIPTOR.control]: end.fd,
        },
      );
      // The relay is its child, so that nobody has to reap it.
      wait(pid);
    }
    expectByte(control, "b");
    const { pid, ports } = answerIn(config, entries);
    return new PortRelay(held.move(), config, control, pid, ports);
  }

  /**
   * Begins to serve clients, until a process has ended.
   *
   * @param pid the container's first process
   * @param address the container's address
   */
  start(pid: number, address: string): void {
    const head = new Uint8Array(20);
    new DataView(head.buffer).setUint32(0, FAMILY.ipv4, true);
    head.set(addressBytes(address), HEAD.address - HEAD.family);
    syscall("pwrite64", this.#config.fd, head, head.length, HEAD.family);
    using process = new Descriptor(syscall("pidfd_open", pid, 0));
    sendDescriptor(this.#control.fd, process.fd, "s");
    expectByte(this.#control, "s");
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}

/** Waits for a byte of the relay. */
function expectByte(control: Descriptor, byte: string): void {
  const answer = new Uint8Array(1);
  const count = syscall("read", control.fd, answer, 1);
  if (count === 1 && answer[0] === byte.charCodeAt(0)) return;
  throw new ContainerError(
    "Cannot publish ports: the relay of the ports was killed",
    { hint: "Perhaps the machine is out of memory; see dmesg." },
  );
}

function answerIn(config: Descriptor, entries: readonly Entry[]) {
  const { head, entry } = RELAY_CONFIG;
  const bytes = new Uint8Array(head + entry * entries.length);
  readAt(config.fd, bytes, 0);
  const view = new DataView(bytes.buffer);
  const chosen = (index: number) =>
    view.getUint16(head + entry * index + ENTRY.chosen, true);
  const isBound = (index: number) =>
    view.getInt32(head + entry * index + ENTRY.fd, true) >= 0;
  const error = view.getInt32(HEAD.error, true);
  if (error) {
    const index = view.getUint32(HEAD.failed, true);
    const { asked, address } = entries[index]!;
    throw new PortError(asked, address, chosen(index), errnoName(error));
  }
  const ports = entries.flatMap(({ asked, flags }, index): ReservedPort[] => {
    if (flags & ENTRY_FLAG.twin) return [];
    const { host: _, ...rest } = asked;
    const hasTwin = entries[index + 1]?.flags;
    return [{
      ...rest,
      hostPort: chosen(index) || anyPort(),
      ...hasTwin && !isBound(index + 1) ? { ipv4Only: true } : {},
    }];
  });
  return { pid: view.getInt32(HEAD.pid, true), ports };
}
