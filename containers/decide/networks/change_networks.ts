/**
 * The steps that connect a container that runs with one more network, and that
 * take it out of one. Only decides; changes nothing. Runs on the host.
 */

import type { HostStep, StepOf } from "../../../plan/step.ts";
import {
  hostsOf,
  isNamed,
  type NetworkPlace,
  type NetworkPlaces,
  networkSteps,
  recordsIn,
  resolverStep,
} from "./join_networks.ts";

/** The container whose networks change. */
export interface Changing {
  id: string;
  name: string;
  /** The networks that it is in. */
  networks: NetworkPlaces;
}

/** Whether a network can be the way out; the first one that can is. */
export const isWayOut = ({ network }: NetworkPlace) => !network.internal;

/**
 * The steps that connect a container with a network.
 *
 * @param device the name of the new device inside
 */
export function connectSteps(
  { id, name, networks }: Changing,
  place: NetworkPlace,
  device: string,
): HostStep[] {
  const { directory, places } = networks;
  const steps = networkSteps({ directory, places: [place] }, {
    ...{ id, name, names: [], hosts: null },
  });
  const attached = (step: HostStep): HostStep =>
    step.step === "attachLink"
      ? { ...step, device, isWayOut: step.isWayOut && !places.some(isWayOut) }
      : step;
  return [
    ...steps.filter(({ step }) =>
      step !== "attachLink" && step !== "startResolver"
    ),
    hostsStep(id, networks, [...places, place]),
    ...steps.filter(({ step }) => step === "attachLink").map(attached),
    ...toldResolver(id, networks, [...places, place]),
  ];
}

/** The steps that take a container out of a network, before its lease ends. */
export function disconnectSteps(
  { id, networks }: Changing,
  place: NetworkPlace,
): HostStep[] {
  const left = networks.places.filter((one) => one !== place);
  const wayOut = networks.places.find(isWayOut);
  const next = place === wayOut ? left.find(isWayOut)?.network : undefined;
  return [
    hostsStep(id, networks, left),
    ...toldResolver(id, networks, left),
    {
      step: "detachLink",
      records: recordsIn(networks.directory),
      network: place.network,
      container: id,
      gateway: next?.gateway ?? null,
      ...next?.ipv6 ? { gateway6: next.ipv6.gateway } : {},
      why: "the kernel removes the device with its other end on the bridge",
      man: "rtnetlink(7)",
      undo: "kept",
    },
  ];
}

/** The step that changes what the resolver knows, if it serves the container. */
const toldResolver = (
  id: string,
  networks: NetworkPlaces,
  after: readonly NetworkPlace[],
): HostStep[] =>
  isNamed({ ...networks, places: [...networks.places, ...after] })
    ? [resolverStep(id, { ...networks, places: after })]
    : [];

/** The step that changes the files of names. */
function hostsStep(
  id: string,
  networks: NetworkPlaces,
  after: readonly NetworkPlace[],
): StepOf<"changeHosts"> {
  const change = (places: readonly NetworkPlace[]) => ({
    records: recordsIn(networks.directory),
    path: hostsOf(networks, id),
    networks: places.map(({ network }) => network.id),
    named: places.filter(({ named }) => named).map(({ network }) => network.id),
  });
  return {
    step: "changeHosts",
    ...change(after),
    why: "the containers of a network find each other by name",
    man: "hosts(5)",
    undo: "kept",
    ifFailed: [{ undo: "changeHosts", ...change(networks.places) }],
  };
}
