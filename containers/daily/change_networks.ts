/**
 * `network connect` and `network disconnect`: the networks of a container that
 * runs, or that will be started again. Runs on the host, in the command, which
 * has the lock of the container's entry.
 */

import { HostPhase } from "../../launch/host/host_phase.ts";
import { freeDevice } from "../../network/kernel/bridges.ts";
import type { NetworkRecord } from "../../plan/network.ts";
import { withRecord } from "../../plan/host.ts";
import type { HostStep } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import {
  type Changing,
  connectSteps,
  disconnectSteps,
  isWayOut,
} from "../decide/networks/change_networks.ts";
import type {
  NetworkPlace,
  NetworkPlaces,
} from "../decide/networks/join_networks.ts";
import {
  EntryLedger,
  leaveNetwork,
  takeBackNetworks,
} from "../store/entry_ledger.ts";
import { type Entry, isAlive, type Store } from "../store/store.ts";
import { shortId } from "./names.ts";
import { isKept } from "./view.ts";

/**
 * Connects a container with a network.
 *
 * @param directory the directory of everything about networks
 * @throws {ContainerError} in docker's words, if it is in the network already or
 * its network namespace is not its own
 */
export async function connect(
  store: Store,
  id: string,
  place: NetworkPlace,
  directory: string,
): Promise<void> {
  using entry = await store.openWhenFree(id);
  const { name: network, id: networkId } = place.network;
  const changing = changingOf(entry, directory, `connect with ${network}`);
  const { networks, name } = changing;
  if (networks.places.some((one) => one.network.id === networkId)) {
    throw new ContainerError(
      `Cannot connect ${name}: endpoint with name ${name} already exists in network ${network}`,
      { hint: `container network disconnect ${network} ${name} removes it.` },
    );
  }
  if (isAlive(entry.record)) {
    const { pid } = entry.record;
    await carryOut(entry, connectSteps(changing, place, freeDevice(pid)));
  }
  keep(entry, { ...networks, places: [...networks.places, place] });
}

/**
 * Takes a container out of a network.
 *
 * @throws {ContainerError} in docker's words, if it is not in the network
 */
export async function disconnect(
  store: Store,
  id: string,
  network: Pick<NetworkRecord, "id" | "name">,
  directory: string,
): Promise<void> {
  using entry = await store.openWhenFree(id);
  const changing = changingOf(
    entry,
    directory,
    `disconnect from ${network.name}`,
  );
  const { networks } = changing;
  const place = networks.places.find((one) => one.network.id === network.id);
  if (!place) {
    throw new ContainerError(
      `container ${shortId(id)} is not connected to network ${network.name}`,
      { hint: `container inspect ${changing.name} shows its networks.` },
    );
  }
  if (isAlive(entry.record)) {
    await carryOut(entry, disconnectSteps(changing, place));
  }
  // Another container may get the address, to which the ports would lead.
  leaveNetwork(entry, network.id, place === networks.places.find(isWayOut));
  keep(entry, {
    ...networks,
    places: networks.places.filter((one) => one !== place),
  });
}

/** Takes those of some containers that have ended out of their networks. */
export function leaveEnded(store: Store, ids: readonly string[]): void {
  for (const id of ids) {
    const known = store.peek(id);
    // One that is just being started has no process yet.
    if (!known?.daily?.started || isAlive(known) || isKept(known)) continue;
    using entry = store.find(id);
    if (entry && !isAlive(entry.record)) takeBackNetworks(entry);
  }
}

/** Carries out steps for the container's first process, or none of them. */
async function carryOut(
  entry: Entry,
  steps: readonly HostStep[],
): Promise<void> {
  const { pid, daily } = entry.record;
  const host = new HostPhase(
    withRecord(steps, { directory: entry.path, container: daily!.name }),
    new EntryLedger(entry),
  );
  try {
    await host.prepare();
    await host.attach(pid);
  } catch (error) {
    host.giveUp();
    entry.save(entry.record);
    throw error;
  }
  host.leave();
}

function keep(entry: Entry, networks: NetworkPlaces): void {
  const { record } = entry;
  const daily = record.daily!;
  const { host } = record;
  entry.save({
    ...record,
    // What is only for a failure has not happened.
    ...host?.started
      ? {
        host: {
          ...host,
          undos: host.undos.filter(({ ifFailed }) => !ifFailed),
        },
      }
      : {},
    daily: {
      ...daily,
      options: {
        ...daily.options,
        networks: {
          ...networks,
          // What is recorded once is not a proposal any more.
          places: networks.places.map(({ proposed: _, ...place }) => place),
        },
      },
    },
  });
}

function changingOf(
  { record }: Entry,
  directory: string,
  action: string,
): Changing {
  const { id, daily } = record;
  const name = daily?.name ?? shortId(id);
  const { networks, sharedNetwork, namespaces } = daily?.options ?? {};
  if (networks) return { id, name, networks };
  const mode = namespaces?.network ?? "private";
  const reason = !daily
    ? "an engine manages its network"
    : sharedNetwork || mode !== "private"
    ? "container sharing network namespace with another container or host cannot be connected to any other network"
    : null;
  // One without networks has a namespace of its own, in which it is alone.
  if (reason === null) return { id, name, networks: { directory, places: [] } };
  throw new ContainerError(`Cannot ${action} ${name}: ${reason}`, {
    hint: "Run another container with --network NAME.",
  });
}
