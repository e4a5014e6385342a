/**
 * The cgroup of a container in force. Runs on the host, in the parent.
 */

import { type Cgroup, createCgroup, recordCgroup } from "../../cgroup/mod.ts";
import type { Stats } from "../../cgroup/stats.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";

/** A cgroup in force; disposing of it takes it and its record away. */
export class Limits implements Disposable {
  readonly #cgroup: Cgroup;
  readonly #rest: DisposableStack;

  private constructor(cgroup: Cgroup, rest: DisposableStack) {
    this.#cgroup = cgroup;
    this.#rest = rest;
  }

  /**
   * Makes it.
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

  /** What to tell where the kernel killed a process for want of memory. */
  oomMessage(): string | null {
    return this.#cgroup.oomMessage();
  }

  /** Whether it did. */
  oomKilled(): boolean {
    return this.#cgroup.oomKilled();
  }

  /** What the container has used. */
  stats(): Stats {
    return this.#cgroup.stats();
  }

  [Symbol.dispose](): void {
    using _rest = this.#rest;
    this.#cgroup.remove();
  }
}
