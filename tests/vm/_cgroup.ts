/** Makes cgroups as the program does, for tests of their limits. */

import {
  Cgroup,
  type CgroupOptions,
  type Hierarchy,
  planCgroup,
  stateOf,
} from "../../cgroup/mod.ts";
import { HostPhase, type Ledger } from "../../launch/host/host_phase.ts";
import { withRecord } from "../../plan/host.ts";

/** A cgroup that exists until it is disposed of. */
export class MadeCgroup extends Cgroup implements Disposable {
  constructor(
    state: ConstructorParameters<typeof Cgroup>[0],
    readonly host: HostPhase,
  ) {
    super(state);
  }

  /** Removes it, and the directories that were made above it. */
  remove(): void {
    this.host.takeBack();
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

/** Plans and makes a cgroup. */
export async function makeCgroup(
  options: CgroupOptions,
  hierarchy: Hierarchy,
  ledger: Ledger | null = null,
): Promise<MadeCgroup> {
  const plan = planCgroup(options, hierarchy);
  const host = new HostPhase(withRecord(plan.steps), ledger);
  await host.prepare();
  return new MadeCgroup(stateOf(plan), host);
}
