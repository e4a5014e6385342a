/**
 * Publishes the ports of a container, and withdraws them. Runs on the host, in
 * the parent or in the command that cleans up.
 */

import { Descriptor } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, poll } from "../../ffi/poll.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { holderOf } from "../../network/ports/holders.ts";
import { bindingText } from "../../network/ports/port_words.ts";
import { publishPorts, withdrawPorts } from "../../network/ports/publish.ts";
import {
  forgetPorts,
  otherPorts,
  type PortsRecord,
  readPorts,
  writePorts,
} from "../../network/ports/record.ts";
import { textOrNull } from "../../network/records/files.ts";
import { memberOf } from "../../network/records/leases.ts";
import type { ReservedPort } from "../../plan/ports.ts";
import type { StepOf } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import { PortError, PortRelay } from "../ports/relay.ts";
import { bootId, startTime } from "./owner.ts";

/**
 * Binds the ports, and records them.
 *
 * @returns the relay that holds them
 * @throws {ContainerError} if one cannot be had
 */
export function reservePorts(
  { path, container, name, ports, enters }: StepOf<"reservePorts">,
): PortRelay {
  let relay: PortRelay;
  try {
    relay = PortRelay.bind(container, ports, enters);
  } catch (cause) {
    throw cause instanceof PortError ? explain(cause, path) : cause;
  }
  try {
    writePorts(path, {
      container,
      name,
      boot: bootId() ?? "",
      ports: relay.ports,
      relay: { pid: relay.pid, startTime: startTime(relay.pid) ?? "" },
    });
    return relay;
  } catch (error) {
    relay[Symbol.dispose]();
    throw error;
  }
}

/** Leads the ports that were reserved to the address that was taken. */
export function publishReserved(
  { path, records, network, container }: StepOf<"publishPorts">,
): void {
  const record = ofThis(path);
  const address = memberOf(`${records}/${network.id}`, container)?.address;
  if (address === undefined) throw gone();
  // Before it is done: whoever takes it back has to know the address.
  writePorts(path, { ...record, address });
  publishPorts(record.ports, address, () => {
    for (const port of record.ports) refuseTaken(port, path);
  });
}

/** Lets the relay serve clients until the first process has ended. */
export function startRelay(
  { path }: StepOf<"startRelay">,
  pid: number,
  relay: PortRelay | undefined,
): void {
  const { address = addressInside(pid) } = ofThis(path);
  if (!relay || address === undefined) throw gone();
  relay.start(pid, address);
}

/**
 * The first address of a process's network namespace besides loopback, from the
 * lines `|-- ADDRESS` and `/32 host LOCAL`.
 */
function addressInside(pid: number): string | undefined {
  const text = textOrNull(`/proc/${pid}/net/fib_trie`) ?? "";
  const [, address] =
    /\|-- (?!127\.)(\d+(?:\.\d+){3})\n\s+\/32 host LOCAL/.exec(text) ?? [];
  return address;
}

function ofThis(path: string): PortsRecord {
  const record = readPorts(path);
  if (record) return record;
  throw gone();
}

const gone = () =>
  new ContainerError(
    "Cannot publish ports: their record has been removed",
    { hint: "Start the container again." },
  );

/** Removes ports from the firewall. Done twice, it does nothing. */
export function takeBackPublished(path: string): void {
  const record = readPorts(path);
  // With a boot the firewall is empty.
  if (record?.address === undefined || record.boot !== bootId()) return;
  withdrawPorts(record.ports, record.address);
}

/**
 * How long a relay delivers what a container has sent last, in milliseconds;
 * launch/native/port_relay.c takes a second at most.
 */
const DELIVERY = 1500;

/** Waits for the end of the relay, which holds the ports; removes their record. */
export function releaseReserved(path: string): void {
  const record = readPorts(path);
  if (!record) return;
  if (record.boot === bootId()) endRelay(record.relay);
  forgetPorts(path);
}

function endRelay({ pid, startTime: time }: PortsRecord["relay"]): void {
  const fd = rawSyscall("pidfd_open", pid, 0);
  if (fd < 0) return;
  using process = new Descriptor(fd);
  if (startTime(pid) !== time) return;
  // It ends by itself with the container. Before it serves one, it does now.
  kill(pid, SIGNAL.SIGTERM);
  if (!poll(process.fd, POLL.POLLIN, DELIVERY)) kill(pid, SIGNAL.SIGKILL);
}

/** Whether the process that holds the ports of a record is alive. */
const isHeld = ({ boot, relay }: PortsRecord) =>
  boot === bootId() && startTime(relay.pid) === relay.startTime;

/** Refuses a port that another container has. */
function refuseTaken(
  port: Pick<ReservedPort, "protocol" | "hostAddress" | "hostPort">,
  path: string,
): void {
  const { protocol, hostAddress, hostPort } = port;
  const other = otherPorts(path).find((record) =>
    isHeld(record) &&
    record.ports.some((one) =>
      one.protocol === protocol && one.hostPort === hostPort
    )
  );
  if (!other) return;
  throw new ContainerError(
    `Cannot publish ${
      bindingText(hostAddress, `${hostPort}/${protocol}`)
    }: port is already allocated: the container ${other.name} has it`,
    { hint: "Stop that container, or choose another port of the host." },
  );
}

/** The reasons of bind(2), and what helps. */
const REASONS: Record<string, [reason: string, hint: string] | undefined> = {
  EADDRNOTAVAIL: [
    "cannot assign requested address: the host does not have it (EADDRNOTAVAIL)",
    "See `ip addr` on the host.",
  ],
  EACCES: [
    "permission denied (EACCES)",
    "Choose a port from 1024 on, or let users bind it: sudo sysctl net.ipv4.ip_unprivileged_port_start=80.",
  ],
  EMFILE: [
    "too many open files (EMFILE)",
    "Publish fewer ports, or raise the limit: ulimit -n.",
  ],
};

function explain(cause: PortError, path: string): Error {
  const { asked, address, port, code } = cause;
  const { protocol, host: [first, last] } = asked;
  const text = bindingText(
    address,
    `${first === last ? port || first : `${first}-${last}`}/${protocol}`,
  );
  const action = `Cannot publish ${text}`;
  if (code !== "EADDRINUSE") {
    const [reason, hint] = REASONS[code] ?? [code, undefined];
    return new ContainerError(`${action}: ${reason}`, { hint, cause });
  }
  if (first !== last || first === 0) {
    return new ContainerError(`${action}: all of these ports are in use`, {
      hint: "Choose other ports of the host.",
      cause,
    });
  }
  try {
    refuseTaken({ protocol, hostAddress: address, hostPort: port }, path);
  } catch (error) {
    return error as Error;
  }
  const holder = holderOf(protocol, port);
  return new ContainerError(
    `${action}: address already in use${
      holder ? `: ${holder.name} (PID ${holder.pid}) has it` : ""
    }`,
    {
      hint: `${
        holder ? "End that program, or choose" : "Choose"
      } another port of the host.`,
      cause,
    },
  );
}
