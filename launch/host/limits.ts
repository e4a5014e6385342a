/**
 * Creates and removes the cgroup of a container. Runs on the host, in the
 * parent.
 */

import { type Cgroup, createCgroup, recordCgroup } from "../../cgroup/mod.ts";
import type { Stats } from "../../cgroup/stats.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";

/** A container's cgroup. Disposing of it removes the cgroup and its record. */
export class Limits implements Disposable {
  readonly #cgroup: Cgroup;
  readonly #rest: DisposableStack;

  private constructor(cgroup: Cgroup, rest: DisposableStack) {
    this.#cgroup = cgroup;
    this.#rest = rest;
  }

  /**
   * Creates the cgroup.
   *
   * @param records the directory in which it is recorded until it is removed
   */
  static async make(plan: CgroupPlan, records: string): Promise<Limits> {
    using undo = new DisposableStack();
    if (plan.scope) {
      const { Scope } = await import("./systemd_scope.ts");
      undo.use(await Scope.start(plan.scope));
    }
    const cgroup = createCgroup(plan, (state) => {
      undo.use(recordCgroup(records, state));
    });
    return new Limits(cgroup, undo.move());
  }

  /**
   * The message to show if the kernel killed a process because memory ran out;
   * null if it did not.
   */
  oomMessage(): string | null {
    return this.#cgroup.oomMessage();
  }

  /** Whether the kernel killed a process because memory ran out. */
  oomKilled(): boolean {
    return this.#cgroup.oomKilled();
  }

  /** The container's resource usage. */
  stats(): Stats {
    return this.#cgroup.stats();
  }

  [Symbol.dispose](): void {
    using _rest = this.#rest;
    this.#cgroup.remove();
  }
}
