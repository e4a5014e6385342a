/**
 * The container's cgroup: made where a limit asks for one, removed with the
 * container. Runs on the host, in the parent.
 */

import {
  type Cgroup,
  createCgroup,
  planCgroup,
  readHierarchy,
  recordCgroup,
  sweep,
} from "../cgroup/mod.ts";
import type { Stats } from "../cgroup/stats.ts";
import type { CgroupPlan } from "../cgroup/step.ts";
import type { Resources } from "../spec/resources.ts";
import { stateDirectory } from "./state_directory.ts";

/** Where the cgroups of running containers are recorded. */
const recordsDirectory = () => `${stateDirectory()}/cgroups`;

/** Plans a cgroup for limits. */
export function planLimits(
  { id, parent, ...options }: {
    id: string;
    resources: Resources;
    parent?: string;
    rootless: boolean;
  },
): CgroupPlan {
  const below = parent === undefined
    ? {}
    : { cgroupsPath: `${parent}/container-${id}`, parent };
  return planCgroup({ id, ...below, ...options }, readHierarchy());
}

/** A cgroup in force; disposing of it takes it and its record away. */
export class Limits implements Disposable {
  readonly #cgroup: Cgroup;
  #record: Disposable | undefined;

  /** Makes it, and removes what a killed command left behind before. */
  constructor(plan: CgroupPlan) {
    sweep(recordsDirectory());
    this.#cgroup = createCgroup(plan, (state) => {
      this.#record = recordCgroup(recordsDirectory(), state);
    });
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
    this.#cgroup.remove();
    this.#record?.[Symbol.dispose]();
  }
}
