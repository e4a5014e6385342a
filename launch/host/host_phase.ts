/**
 * Carries out the host phase of every plan: run, run --detach, create, restore,
 * exec and the library. Each step changes the host in the way that explain
 * prints, and nothing else does. Runs on the host, in the parent.
 *
 * What takes the steps back is recorded before the first one. What a step has
 * made is recorded after it. So a later clean-up, even after a SIGKILL, does
 * not touch what another program has made under the same name.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { WITH_PROCESS } from "../../plan/host_kinds.ts";
import type { HostStep, StepOf } from "../../plan/step.ts";
import {
  type HostRecord,
  type Identity,
  type RecordedUndo,
  undosOf,
} from "../../plan/undo.ts";
import type { MovedDevices } from "../../network/move_device.ts";
import type { PortRelay } from "../ports/relay.ts";
import type { HostMountStep, MountMaker } from "./host_mounts.ts";
import { mapIds } from "./id_maps.ts";
import { thisProcess } from "./owner.ts";
import { RelayPipe } from "./relay_pipe.ts";
import type { Scope } from "./systemd_scope.ts";
import type { takeBack } from "./undo.ts";

/** Where the undos of a start are recorded. */
export interface Ledger {
  /** Records what is about to be done. */
  intend(record: HostRecord): void;
  /** Records what has been done. */
  save(record: HostRecord): void;
  /**
   * Runs the work, which takes everything back, while nobody else does so. Then
   * removes the record. If the work fails, the record stays.
   */
  settle(work: () => void): void;
}

/** When a test interrupts a step. */
export type Moment = "before" | "after";

let interrupt: (step: HostStep, moment: Moment) => void = () => {};

/**
 * For tests only: called before each host step, when its undo is recorded, and
 * after it, when what it has made is not recorded yet.
 */
export function interruptHostSteps(
  interruption: (step: HostStep, moment: Moment) => void,
): void {
  interrupt = interruption;
}

/** A step with the part of the record that belongs to it. */
interface Recorded {
  step: HostStep;
  undos: RecordedUndo[];
  /** It has been carried out. */
  done: boolean;
}

/**
 * The host phase of one plan. Disposing of it takes everything back, unless
 * {@linkcode HostPhase.leave} was called.
 */
export class HostPhase implements Disposable {
  /** The mounts for PID 1, by the number of the descriptor. */
  readonly mounts: Record<number, Descriptor> = {};
  readonly #steps: Recorded[];
  readonly #ledger: Ledger | null;
  readonly #pipes: RelayPipe[] = [];
  #started = false;
  #left = false;
  #recorded = false;
  #noted = false;
  #takeBack: typeof takeBack | undefined;
  #maker: MountMaker | undefined;
  #devices: MovedDevices | undefined;
  #scope: Scope | undefined;
  #ports: PortRelay | undefined;

  /** @param ledger null if no step needs a record */
  constructor(steps: readonly HostStep[], ledger: Ledger | null) {
    this.#steps = steps.map((step) => ({
      step,
      undos: undosOf(step),
      done: false,
    }));
    this.#ledger = ledger;
  }

  /**
   * Carries out the steps up to the first process. After a failure everything
   * is as before.
   *
   * @throws {ContainerError} for the step that fails
   */
  async prepare(): Promise<void> {
    try {
      if (this.#steps.some(({ undos }) => undos.length)) {
        this.#takeBack = (await import("./undo.ts")).takeBack;
      }
      for (const recorded of this.#steps) {
        if (WITH_PROCESS.has(recorded.step.step)) continue;
        await this.#carryOut(recorded, 0);
      }
      this.#save();
    } catch (error) {
      this.giveUp();
      throw error;
    } finally {
      this.#maker?.[Symbol.dispose]();
    }
  }

  /**
   * Carries out the steps that need the first process, while that waits. After
   * a failure the caller ends the process and disposes of this.
   *
   * @throws {ContainerError} for the step that fails
   */
  async attach(pid: number): Promise<void> {
    for (const recorded of this.#steps) {
      if (!WITH_PROCESS.has(recorded.step.step)) continue;
      await this.#carryOut(recorded, pid);
    }
    this.#save();
  }

  async #carryOut(recorded: Recorded, pid: number): Promise<void> {
    const { step, undos } = recorded;
    interrupt(step, "before");
    const made = await this.#perform(step, pid);
    recorded.done = true;
    if (undos.length && made !== undefined) {
      this.#noted = true;
      // It exists already, so it is another start's, and not ours to remove.
      if (made === null) undos.length = 0;
      for (const undo of undos) if (made) undo.made = made;
    }
    interrupt(step, "after");
  }

  /** Returns what was made, if it has an identity; null if it existed. */
  async #perform(
    step: HostStep,
    pid: number,
  ): Promise<Identity | null | undefined | void> {
    switch (step.step) {
      case "recordUndos":
        this.#recorded = true;
        return this.#ledger?.intend(this.record());
      case "relayStream":
        this.#pipes.push(new RelayPipe(step));
        return;
      case "mapIds":
        return mapIds(pid, step);
      case "mapMount":
      case "mountImage":
      case "copyUp":
        return await this.#mount(step);
      case "makeDirectory":
      case "takeCgroup": {
        const make = await import("./directories.ts");
        const made = step.step === "takeCgroup"
          ? make.takeCgroup(step)
          : make.makeDirectory(step);
        return made && isUnique(step) ? undefined : made;
      }
      case "writeHostFile":
      case "fillCpuset":
      case "attachDevices":
      case "giveCgroup":
        return (await import("../../cgroup/apply.ts")).applyStep(step);
      case "startScope":
        this.#scope = await (await import("./systemd_scope.ts")).Scope
          .start(step);
        return;
      case "keepChanges":
        return (await import("./changes.ts")).keepChanges(step);
      case "recordNetwork":
      case "joinNetwork":
      case "makeBridge":
      case "filterNetwork":
      case "allowForwarding":
      case "makeHosts":
      case "startResolver":
      case "attachLink":
      case "changeHosts":
      case "detachLink":
        return (await import("./networks.ts")).performNetworkStep(step, pid);
      case "reservePorts":
        this.#ports = (await import("./ports.ts")).reservePorts(step);
        return;
      case "publishPorts":
        return (await import("./ports.ts")).publishReserved(step);
      case "startRelay":
        return (await import("./ports.ts")).startRelay(step, pid, this.#ports);
      case "startWayOut":
        return (await import("./way_out.ts")).startWayOut(step.wayOut, pid);
      case "keepUses":
        return (await import("./changes.ts")).keepUses(step);
      case "makeVolume":
        return await (await import("./make_volume.ts")).makeVolume(step);
      case "makeFifo":
        return (await import("./directories.ts")).makeFifo(step);
      case "joinClass":
        return (await import("./directories.ts")).joinClass(step, pid);
      case "moveDevice":
        return await this.#moveDevice(step, pid);
      case "writeIdFile":
        return (await import("./id_file.ts")).writeIdFile(step);
      case "reserveEnd":
        return (await import("./end_file.ts")).reserveEnd(step);
      case "reserveProfile":
        return (await import("./profile_file.ts")).reserveProfile(step);
      case "writePidFile":
        return (await import("./pid_file.ts")).writePidFile(step.path, pid);
    }
  }

  async #mount(step: HostMountStep): Promise<void> {
    const { MountMaker } = await import("./host_mounts.ts");
    this.#maker ??= new MountMaker();
    this.mounts[step.descriptor] = await this.#maker.make(step);
  }

  async #moveDevice(
    { name, as }: StepOf<"moveDevice">,
    pid: number,
  ): Promise<void> {
    const { MovedDevices } = await import("../../network/move_device.ts");
    this.#devices ??= new MovedDevices(pid);
    this.#devices.move(name, as);
  }

  /** What has to be taken back, or will have to. */
  record(steps: readonly Recorded[] = this.#steps): HostRecord {
    return {
      owner: thisProcess(),
      ...(this.#started ? { started: true } : {}),
      undos: steps.flatMap(({ undos }) => undos),
    };
  }

  #save(): void {
    if (this.#noted && this.#recorded) this.#ledger?.save(this.record());
    this.#noted = false;
  }

  /** Gives the pipes of relayed streams away; launch/attend/stream_relay.ts. */
  takePipes(): RelayPipe[] {
    return this.#pipes.splice(0);
  }

  /** The container has started: what a failed start would take back stays. */
  started(): void {
    this.#started = true;
  }

  /**
   * Leaves everything to later commands, which find the record. Closes what
   * only this process needs.
   */
  leave(): void {
    this.#left = true;
    this.#close();
  }

  /**
   * Takes everything back, and removes the record.
   *
   * @throws {ContainerError} if something cannot be removed; the record stays
   */
  takeBack(): void {
    this.#left = true;
    using closing = new DisposableStack();
    closing.defer(() => this.#close());
    closing.defer(() => this.#scope?.[Symbol.dispose]());
    const work = () =>
      this.#takeBack?.(this.record(this.#steps.filter(({ done }) => done)), {
        returnDevices: () => this.#devices?.back(),
      });
    if (this.#ledger && this.#recorded) this.#ledger.settle(work);
    else work();
  }

  /**
   * Takes everything back after an error that the caller reports. What cannot
   * be removed now stays in the record, for a later command.
   */
  giveUp(): void {
    if (this.#left) return;
    try {
      this.takeBack();
    } catch {
      // The first error counts.
    }
  }

  #close(): void {
    using held = new DisposableStack();
    for (const mount of Object.values(this.mounts)) held.use(mount);
    for (const pipe of this.#pipes) held.use(pipe);
    held.use(this.#devices);
    held.use(this.#ports);
    if (this.#scope) held.defer(() => this.#scope?.release());
  }

  [Symbol.dispose](): void {
    if (!this.#left) this.takeBack();
  }
}

/** Whether a directory needs no identity, since its name contains a random ID. */
const isUnique = ({ undo }: HostStep) =>
  typeof undo !== "string" &&
  undo.some((operation) =>
    operation.undo === "removeCgroup" && operation.unique
  );
