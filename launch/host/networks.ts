/**
 * Joins a container to networks. Runs on the host, in the parent.
 */

import { describe } from "../../explain/steps/describe.ts";
import { SyscallError } from "../../ffi/errno.ts";
import {
  attachProcess,
  detachProcess,
  raiseBridge,
} from "../../network/kernel/bridges.ts";
import { filterNetwork } from "../../network/kernel/filter.ts";
import { allowForwarding } from "../../network/kernel/forwarding.ts";
import { republishPorts } from "../../network/ports/republish.ts";
import { Netlink } from "../../network/netlink/socket.ts";
import { readRegistration } from "../../network/dns/records.ts";
import { placeOf } from "../../network/dns/registration.ts";
import { lockFile } from "../../network/records/files.ts";
import {
  changeHosts,
  directoriesOf,
  makeHosts,
} from "../../network/records/hosts.ts";
import { memberOf, takeLease } from "../../network/records/leases.ts";
import { Networks } from "../../network/records/networks.ts";
import type { StepOf } from "../../plan/step.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import { bootId } from "./owner.ts";
import { serveNames } from "./names/resolver.ts";

/** The steps about networks. */
export type NetworkStep = StepOf<
  | "recordNetwork"
  | "joinNetwork"
  | "makeBridge"
  | "filterNetwork"
  | "allowForwarding"
  | "makeHosts"
  | "startResolver"
  | "attachLink"
  | "changeHosts"
  | "detachLink"
>;

/**
 * Carries out one step.
 *
 * @param pid the first process, for `startResolver` and `attachLink`
 * @throws {ContainerError} if it fails
 */
export function performNetworkStep(step: NetworkStep, pid: number): void {
  try {
    perform(step, pid);
  } catch (cause) {
    if (cause instanceof ContainerError) throw cause;
    const hint = cause instanceof SyscallError && cause.code === "EPERM"
      ? "This requires CAP_NET_ADMIN. Run as root, or use --network none."
      : "Without a network (--network none) the container starts.";
    throw new ContainerError(`Cannot ${describe(step)}: ${reason(cause)}`, {
      hint,
      cause,
    });
  }
}

/** The kernel's own words are the best part of an error of netlink. */
const reason = (cause: unknown) =>
  cause instanceof SyscallError
    ? cause.message.replace(/^Cannot call \w+: /, "")
    : systemReason(cause);

function perform(step: NetworkStep, pid: number): void {
  const boot = bootId() ?? "";
  switch (step.step) {
    case "recordNetwork":
      new Networks(step.records).keep(step.network);
      return;
    case "joinNetwork": {
      const { network, records, member, address, address6, mac } = step;
      takeLease(`${records}/${network.id}`, network, {
        ...member,
        address,
        address6,
        mac,
        boot,
      });
      return;
    }
    case "makeBridge": {
      using netlink = new Netlink();
      raiseBridge(netlink, step.network);
      return;
    }
    case "filterNetwork": {
      const { network, records } = step;
      const all = () => new Networks(records).list();
      // Somebody has flushed the firewall, with the ports of other containers.
      if (filterNetwork(network, all)) {
        republishPorts(portsBeside(records), boot);
      }
      return;
    }
    case "allowForwarding": {
      using _lock = lockFile(`${step.note}.lock`);
      return allowForwarding(step.note, boot, step.ipv6);
    }
    case "makeHosts": {
      const { path, container, names, text } = step;
      return makeHosts(path, {
        ...{ container, names, text, boot },
        ...directoriesOf(step),
      });
    }
    case "startResolver": {
      const { directory, records, container, forwards } = step;
      const servers = step.servers ??
        readRegistration(directory, container)?.registration.servers ?? [];
      return serveNames(directory, {
        container,
        servers,
        forwards,
        networks: step.networks.flatMap((network) => {
          const member = memberOf(`${records}/${network.id}`, container);
          return member ? [placeOf(network, member)] : [];
        }),
      }, pid);
    }
    case "attachLink": {
      const { network, records, container, device, isWayOut } = step;
      const member = memberOf(`${records}/${network.id}`, container);
      if (!member) {
        throw new ContainerError(
          `Cannot connect the container to the network ${network.name}: its address has been taken away`,
          { hint: "Start it again." },
        );
      }
      return attachProcess(pid, network, { device, member, isWayOut });
    }
    case "changeHosts":
      return changeHosts(step.path, directoriesOf(step));
    case "detachLink": {
      const { records, network, container } = step;
      const member = memberOf(`${records}/${network.id}`, container);
      return detachProcess(pid, member?.mac ?? null, step);
    }
  }
}

/** The directory of the records of ports, next to those of networks. */
export const portsBeside = (records: string): string =>
  `${records.replace(/\/[^/]*$/, "")}/ports`;
