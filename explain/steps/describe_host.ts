/** Describes the steps of the host phase, and their undos. Pure. */

import type { HostKind } from "../../plan/host_kinds.ts";
import type { IdMapping } from "../../spec/types.ts";
import { streamNames } from "../../plan/process/streams.ts";
import type { Subnet } from "../../plan/network.ts";
import type { AskedPort } from "../../plan/ports.ts";
import type { HostStep } from "../../plan/step.ts";
import type { UndoOperation } from "../../plan/undo.ts";
import { and, type Descriptions } from "./describing.ts";

const ranges = (maps: readonly IdMapping[]) =>
  and(maps.map((map) => `${map.containerID}:${map.hostID}:${map.size}`));

const CGROUP: readonly string[] = ["removeCgroup", "leaveCgroup"];

const isCgroup = ({ undo }: HostStep) =>
  typeof undo !== "string" && undo.some(({ undo }) => CGROUP.includes(undo));

const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** The random name of an anonymous volume is as long as a digest. */
const shortened = (name: string) =>
  /^[0-9a-f]{64}$/.test(name) ? name.slice(0, 12) : name;

/** The host steps in words. */
export const HOST_DESCRIPTIONS: Descriptions<HostKind> = {
  recordUndos: ({ directory, container }) =>
    directory === undefined
      ? "record how to take back the next steps"
      : `create the record ${directory}${
        container === undefined ? "" : ` of ${container}`
      }, with how to take back the next steps`,
  makeDirectory: (step) =>
    `create the ${isCgroup(step) ? "cgroup" : "directory"} ${step.path}`,
  takeCgroup: ({ path }) => `use the cgroup ${path}`,
  writeHostFile: ({ path, value }) =>
    `write ${JSON.stringify(value)} to ${path}`,
  fillCpuset: ({ from, path }) => `copy ${from} to ${path}`,
  attachDevices: ({ path }) => `restrict the devices of ${path}`,
  giveCgroup: ({ path, uid }) => `make user ${uid} the owner of ${path}`,
  startScope: ({ unit, slice }) =>
    `have systemd start the scope ${unit} in ${slice}`,
  keepChanges: ({ directory }) =>
    `create ${directory} for the container's changes`,
  keepUses: ({ volumes, mounted = [] }) =>
    `record that the container uses ${
      and([
        ...volumes.map((name) => `the volume ${shortened(name)}`),
        ...(mounted.length ? ["the layers of images"] : []),
      ])
    }`,
  makeVolume: ({ directory, content }) =>
    `use the volume ${shortened(nameOf(directory))}, made if it is missing${
      content ? ` and filled from ${content.place} if it is empty` : ""
    }`,
  makeFifo: ({ path }) => `create the FIFO ${path}`,
  joinClass: ({ path }) => `write the PID of the first process to ${path}`,
  moveDevice: ({ name, as }) =>
    `move the network device ${name} into the container${
      as === name ? "" : ` as ${as}`
    }`,
  recordNetwork: ({ network }) =>
    `record the network ${network.name} with the subnet ${
      subnetText(network.subnet)
    }`,
  joinNetwork: ({ network, address }) =>
    address === undefined
      ? `take the next free address of ${
        subnetText(network.range ?? network.subnet)
      } in the network ${network.name}`
      : `take the address ${address} in the network ${network.name}`,
  makeBridge: ({ network }) =>
    `create the bridge ${network.bridge} with the address ${network.gateway}/${network.subnet.bits}, unless it is there`,
  filterNetwork: ({ network }) =>
    `add ${network.bridge} to the firewall's table container, unless it is there`,
  allowForwarding: ({ ipv6 }) =>
    `set ip_forward${
      ipv6 ? " and net.ipv6.conf.all.forwarding" : ""
    }, unless it is set`,
  makeHosts: ({ path }) => `create ${path}, the container's /etc/hosts`,
  startResolver: ({ servers, forwards }) =>
    !servers
      ? "tell the resolver about the change"
      : `let the resolver answer at 127.0.0.11${
        forwards && servers.length
          ? `, which asks ${servers.join(", ")} for other names`
          : ", which knows no other names"
      }`,
  attachLink: ({ network, device, isWayOut }) =>
    `connect ${device} inside with ${network.bridge}, with the address that was taken${
      isWayOut ? `, and the default route by ${network.gateway}` : ""
    }`,
  reservePorts: ({ ports }) =>
    `bind ${ports.map(portText).join(", ")} in a process of its own`,
  publishPorts: ({ network }) =>
    `add the ports to the maps of the firewall's table container, to the address in ${network.name}`,
  startRelay: () =>
    "serve 127.0.0.1 and IPv6 in the process that has bound the ports, until the first process has ended",
  changeHosts: ({ path }) =>
    `change the container's networks in ${path}, and its names in the files of the others`,
  detachLink: ({ network, gateway }) =>
    `remove the device in the network ${network.name}${
      gateway === null ? "" : `, and set the default route to ${gateway}`
    }`,
  startWayOut: ({ wayOut: { path } }) =>
    `start ${path}, the container's way out`,
  writeIdFile: ({ path }) => `write the ID of the container to ${path}`,
  reserveEnd: ({ path }) => `reserve space for ${path}, the exit status`,
  reserveProfile: ({ path }) => `create ${path} for the learned profile`,
  writePidFile: ({ path }) => `write the PID of the process to ${path}`,
  relayStream: ({ descriptors, input }) =>
    `${input ? "write to" : "read from"} a pipe that is the command's ${
      streamNames(descriptors)
    }`,
  mapIds: ({ uids, helper }) =>
    `map user IDs ${ranges(uids)}${helper ? " with newuidmap" : ""}`,
  mapMount: ({ source, uids }) =>
    `open ${source} with its user IDs mapped ${ranges(uids)}`,
  copyUp: ({ place }) =>
    `create a tmpfs with a copy of ${place} from the root filesystem`,
  mountImage: ({ image, type, readonly }) =>
    `mount ${image} (${type}${readonly ? ", read-only" : ""})`,
};

function portText(
  { hostAddress, host: [first, last], port, protocol }: AskedPort,
): string {
  const address = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
  const host = first === 0
    ? "a free port"
    : first === last
    ? String(first)
    : `one of ${first}-${last}`;
  return `${address && `${address}:`}${host} for ${port}/${protocol}`;
}

const subnetText = ({ address, bits }: Subnet) => `${address}/${bits}`;

const UNDOS: Record<UndoOperation["undo"], string> = {
  removeCgroup: "end the processes in it, and remove it",
  leaveCgroup: "remove it, unless another cgroup is in it",
  removeClass: "remove it",
  removeEmpty: "remove it if it is empty",
  discard: "remove it with everything in it",
  removeFile: "remove it",
  removeUnwritten: "remove it if nothing has been written to it",
  returnDevice: "move it back",
  leaveNetwork: "give the address back",
  releasePorts:
    "end the process that has bound the ports, and remove their record",
  withdrawPorts:
    "remove the ports from the firewall, and forget their connections",
  restoreForwarding:
    "set it back after the last container, if it was not set before",
  removeHosts: "remove it, and the container's names from those of others",
  changeHosts: "set the networks in it back",
  endWayOut: "end it",
  leaveResolver: "remove its record; the resolver ends with its last container",
  removeRecord: "remove the record, with its directory if it has one, last",
};

const all = (operations: readonly UndoOperation[]) =>
  operations.map(({ undo }) => UNDOS[undo]).join("; ");

/** What takes a step back, in words. */
export function describeUndo({ undo, ifFailed = [] }: HostStep): string {
  const always = undo === "kernel"
    ? "ends by itself, with its last use"
    : undo === "kept"
    ? "stays"
    : all(undo);
  return ifFailed.length
    ? `${always}; if the container does not start: ${all(ifFailed)}`
    : always;
}
