/**
 * The undos of a start in the record of its container, and running them. Runs
 * on the host, in a command that has locked the container's entry.
 */

import type { Ledger } from "../../launch/host/host_phase.ts";
import { takeBack } from "../../launch/host/undo.ts";
import type {
  HostRecord,
  RecordedUndo,
  UndoOperation,
} from "../../plan/undo.ts";
import type { ContainerRecord, Entry, Store } from "./store.ts";

/**
 * Keeps the undos in an entry's record, after those of an earlier command: an
 * update adds to what the start has made.
 */
export class EntryLedger implements Ledger {
  readonly #before: ContainerRecord;

  /**
   * @param also further members of the record that are saved with the first
   * undos
   */
  constructor(
    readonly entry: Entry,
    readonly also: Partial<ContainerRecord> = {},
  ) {
    this.#before = entry.record;
  }

  intend(host: HostRecord): void {
    const { entry, also } = this;
    entry.save({ ...entry.record, ...also, host: this.#all(host) });
  }

  /**
   * The caller saves the record next, with the first process, before that may
   * continue.
   */
  save(host: HostRecord): void {
    const { entry } = this;
    entry.record = { ...entry.record, host: this.#all(host) };
  }

  #all(host: HostRecord): HostRecord {
    const { host: before } = this.#before;
    return before
      ? { ...before, undos: [...before.undos, ...host.undos] }
      : host;
  }

  settle(work: () => void): void {
    work();
    const { host: _done, ...record } = this.entry.record;
    const { host, cgroup } = this.#before;
    this.entry.record = { ...record, ...(host ? { host, cgroup } : {}) };
  }
}

/**
 * Keeps the undos in the record of a container that runs in the foreground. The
 * command that runs it locks the entry only for moments.
 */
export class NamedLedger implements Ledger {
  constructor(readonly store: Store, readonly id: string) {}

  intend(host: HostRecord): void {
    using entry = this.store.open(this.id);
    entry.save({ ...entry.record, host });
  }

  save(host: HostRecord): void {
    this.intend(host);
  }

  settle(work: () => void): void {
    using entry = this.store.find(this.id);
    // Another command may have connected it with more networks.
    if (entry) takeBackNetworks(entry);
    // Without an entry another command has removed the container, and has run
    // the undos.
    work();
    if (!entry) return;
    const { host: _done, ...record } = entry.record;
    entry.save({ ...record, cgroup: null });
  }
}

/**
 * Takes back everything that the start of a container has changed on the host.
 * Its record has no undos then; it is not saved.
 *
 * @throws {ContainerError} if something cannot be removed; the undos stay
 */
export function takeBackHost(entry: Entry): void {
  const { host, ...record } = entry.record;
  if (!host) return;
  takeBack(host);
  entry.record = { ...record, cgroup: null };
}

/**
 * Takes a container that has ended out of its networks, as docker does. The
 * undos stay in its record: done again, they do nothing.
 */
export function takeBackNetworks({ record: { host } }: Entry): void {
  if (host) {
    takeBackSome(host, ({ operation }) => OF_NETWORKS.has(operation.undo));
  }
}

const takeBackSome = (
  host: NonNullable<Entry["record"]["host"]>,
  wanted: (undo: RecordedUndo) => boolean,
) => takeBack({ ...host, undos: host.undos.filter(wanted) });

/** The undos of published ports. */
const OF_PORTS: ReadonlySet<UndoOperation["undo"]> = new Set([
  "withdrawPorts",
  "releasePorts",
]);

/** The undos of what a container has only while it runs. */
const OF_NETWORKS: ReadonlySet<UndoOperation["undo"]> = new Set([
  ...OF_PORTS,
  "leaveNetwork",
  "restoreForwarding",
  "removeHosts",
  "endWayOut",
]);

/**
 * Gives the address of a container in a network back, with what needs it.
 *
 * @param isWayOut whether its published ports lead to this address
 */
export function leaveNetwork(
  entry: Entry,
  network: string,
  isWayOut: boolean,
): void {
  const { host } = entry.record;
  if (!host) return;
  const leaves = ({ operation }: RecordedUndo) =>
    operation.undo === "leaveNetwork" && operation.id === network;
  takeBackSome(
    host,
    (undo) =>
      leaves(undo) || undo.operation.undo === "restoreForwarding" ||
      isWayOut && OF_PORTS.has(undo.operation.undo),
  );
  entry.record = {
    ...entry.record,
    host: { ...host, undos: host.undos.filter((undo) => !leaves(undo)) },
  };
}
