/**
 * A container's live cgroup: made from its plan, entered, measured, frozen,
 * emptied and removed. Runs on the host, in the parent or any later command.
 *
 * @module
 */

import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { kill, SIGNAL } from "../ffi/signal.ts";
import { ContainerError } from "../spec/errors.ts";
import type { Resources } from "../spec/resources.ts";
import { applyAll, applyStep, codeOf, readFile, writeFile } from "./apply.ts";
import { planUpdate } from "./plan.ts";
import { parseLimit, readStats, type Stats } from "./stats.ts";
import type { CgroupGroup, CgroupPlan, CgroupStep } from "./step.ts";
import { visitTree } from "./tree.ts";

/** What is kept of a plan so that a later command finds the cgroup again. */
export type CgroupState = Pick<CgroupPlan, "id" | "groups" | "made"> & {
  /** The unit of systemd that it is in. */
  unit?: string;
};

/** What a kernel before Linux 4.15 has to say of it: nothing. */
const DELEGATED = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/** How long processes may take to die, in milliseconds. */
const DEATH = 10_000;
/** How long a freeze may take: a process in the kernel is frozen when it returns. */
const FREEZE = 5_000;

/**
 * Makes a cgroup. `record` is called before anything is made, so that whatever
 * happens to us then, somebody knows. A failure leaves nothing behind.
 */
export function createCgroup(
  plan: CgroupPlan,
  record?: (state: CgroupState) => void,
): Cgroup {
  const cgroup = new Cgroup(plan);
  record?.({
    ...{ id: plan.id, groups: plan.groups, made: plan.made },
    ...(plan.scope ? { unit: plan.scope.unit } : {}),
  });
  try {
    plan.steps.forEach(applyStep);
  } catch (error) {
    try {
      cgroup.remove();
    } catch {
      // The first error is the one to tell; the record remains for a sweep.
    }
    throw error;
  }
  return cgroup;
}

/** A cgroup that is there, or was. */
export class Cgroup implements Disposable {
  readonly #state: CgroupState;

  constructor(state: CgroupState) {
    this.#state = state;
  }

  /** Writing "0" to each of these puts the writer in. */
  joinFiles(): string[] {
    return this.#state.groups.map(({ path }) => `${path}/cgroup.procs`);
  }

  /**
   * For clone3(2) with CLONE_INTO_CGROUP: the new process is born inside, which
   * needs no write and no moving. Null where v1 has a part in it.
   */
  openDirectory(): Descriptor | null {
    const [group, ...more] = this.#state.groups;
    if (group?.version !== 2 || more.length) return null;
    return open(group.path, O.O_PATH | O.O_DIRECTORY);
  }

  /** Puts a process in that runs already. */
  join(pid: number): void {
    for (const file of this.joinFiles()) writeFile(file, String(pid));
  }

  /**
   * Lets a user have cgroups below it: on v2 alone, where that is safe. Limits
   * stay ours, since their files do. See "Delegation" of cgroups(7).
   */
  giveTo(uid: number): void {
    const [group, ...more] = this.#state.groups;
    if (group?.version !== 2 || more.length) return;
    const names = readFile("/sys/kernel/cgroup/delegate")?.trim().split("\n");
    for (const name of ["", ...names ?? DELEGATED]) {
      try {
        Deno.chownSync(`${group.path}/${name}`, uid, null);
      } catch (error) {
        // Of a controller that is not there.
        if (codeOf(error) !== "ENOENT") throw error;
      }
    }
  }

  /** What it has used. */
  stats(): Stats {
    return readStats(this.#state.groups, readFile);
  }

  /** How many processes in it the kernel has killed for want of memory. */
  oomKills(): number {
    return this.stats().memory?.oomKills ?? 0;
  }

  /** Whether there was such a kill. */
  oomKilled(): boolean {
    return this.oomKills() > 0;
  }

  /** What to tell of such a kill; null where there was none. */
  oomMessage(): string | null {
    const { memory } = this.stats();
    if (!memory?.oomKills) return null;
    const limit = memory.limit === null
      ? "there was none left in a cgroup above it, or on this machine"
      : `it reached its limit of ${formatBytes(memory.limit)}; see --memory`;
    return `Out of memory: the kernel killed ${
      memory.oomKills === 1 ? "a process" : `${memory.oomKills} processes`
    } of the container, since ${limit}`;
  }

  /** The processes in it and in cgroups below, in any tree. */
  pids(): number[] {
    const found = new Set<number>();
    for (const { path } of this.#state.groups) {
      visitTree(path, {
        enter(directory) {
          const text = readFile(`${directory}/cgroup.procs`) ?? "";
          for (const pid of text.split("\n")) {
            // 0 is a process of another PID namespace.
            if (Number(pid) > 0) found.add(Number(pid));
          }
        },
      });
    }
    return [...found];
  }

  /** Stops every process, wherever it is, without telling it. */
  freeze(): void {
    this.#setFrozen(true);
  }

  /** Lets them go on. */
  thaw(): void {
    this.#setFrozen(false);
  }

  /** Whether its processes are stopped by {@linkcode freeze}. */
  isFrozen(): boolean {
    return this.#state.groups.some(({ version, controllers, path }) =>
      version === 2
        ? readFile(`${path}/cgroup.events`)?.includes("frozen 1")
        : controllers.includes("freezer") &&
          readFile(`${path}/freezer.state`)?.trim() === "FROZEN"
    );
  }

  /** The part of it that freezes. */
  #freezer(): CgroupGroup | undefined {
    const { groups } = this.#state;
    return groups.find(({ version }) => version === 2) ??
      groups.find(({ controllers }) => controllers.includes("freezer"));
  }

  /** The directory by which others may freeze it; null where there is none. */
  freezerPath(): string | null {
    return this.#freezer()?.path ?? null;
  }

  #setFrozen(frozen: boolean): void {
    const freezer = this.#freezer();
    const v2 = freezer?.version === 2;
    const path = freezer?.path;
    if (path === undefined) {
      throw new ContainerError(
        "Cannot pause: the container is in no cgroup that freezes",
      );
    }
    const started = performance.now();
    const wanted = v2 ? frozen ? "1" : "0" : frozen ? "FROZEN" : "THAWED";
    const file = v2 ? `${path}/cgroup.freeze` : `${path}/freezer.state`;
    const done = () =>
      v2
        ? readFile(`${path}/cgroup.events`)?.includes(`frozen ${wanted}`)
        : readFile(file)?.trim() === wanted;
    writeFile(file, wanted);
    for (let delay = 0.1; !done(); delay = Math.min(delay * 2, 20)) {
      if (performance.now() - started > FREEZE) {
        writeFile(file, v2 ? "0" : "THAWED");
        throw new ContainerError(
          `Cannot ${
            frozen ? "pause" : "resume"
          }: the kernel has not done it within ${FREEZE / 1000} seconds`,
          {
            hint: "A process of it hangs in the kernel (state D in ps)",
          },
        );
      }
      sleep(delay);
      // v1 gives up on a process that was busy; saying it again tries again.
      if (!v2) writeFile(file, wanted);
    }
  }

  /** Kills every process in it and waits until none is left. */
  kill(): void {
    const started = performance.now();
    for (let delay = 0.2; this.pids().length; delay = Math.min(delay * 2, 20)) {
      this.#killOnce();
      if (performance.now() - started > DEATH) {
        throw new ContainerError(
          `Cannot end the processes ${
            this.pids().join(", ")
          }: they are still there ${DEATH / 1000} seconds after SIGKILL`,
          {
            hint:
              "They hang in the kernel (state D in ps), perhaps on a disk or a network filesystem",
          },
        );
      }
      sleep(delay);
    }
  }

  #killOnce(): void {
    const { groups } = this.#state;
    const v2 = groups.find(({ version }) => version === 2);
    const v1 = groups.find(({ controllers }) =>
      controllers.includes("freezer")
    );
    // Linux 5.14: at once and for all, those that are just being born too.
    if (v2 && attempt(`${v2.path}/cgroup.kill`, "1") && groups.length === 1) {
      return;
    }
    // One signal after another is a race with a process that forks, which
    // freezing decides. v1 delivers the signal only once it thaws.
    if (v1) attempt(`${v1.path}/freezer.state`, "FROZEN");
    else if (v2) attempt(`${v2.path}/cgroup.freeze`, "1");
    for (const pid of this.pids()) kill(pid, SIGNAL.SIGKILL);
    if (v1) attempt(`${v1.path}/freezer.state`, "THAWED");
    else if (v2) attempt(`${v2.path}/cgroup.freeze`, "0");
  }

  /**
   * Changes limits while it runs.
   *
   * @returns what has been written
   */
  update(resources: Resources): CgroupStep[] {
    const memory = this.#state.groups.find(({ controllers }) =>
      controllers.includes("memory")
    );
    const file = memory &&
      (memory.version === 1 ? "memory.limit_in_bytes" : "memory.max");
    const limit = file && readFile(`${memory.path}/${file}`);
    const { checkBeforeUpdate, limit: wanted } = resources.memory ?? {};
    if (checkBeforeUpdate && wanted !== undefined && wanted >= 0) {
      const used = this.stats().memory?.current ?? 0;
      if (used > wanted) {
        throw new ContainerError(
          `Cannot limit memory to ${wanted} bytes: ${used} are in use`,
        );
      }
    }
    const memoryLimit = limit ? parseLimit(limit) ?? Infinity : undefined;
    const steps = planUpdate(this.#state.groups, resources, { memoryLimit });
    applyAll(steps);
    return steps;
  }

  /**
   * Removes it in every tree, with what is left in it: processes are killed,
   * cgroups below removed. One that is gone already is fine.
   */
  remove(): void {
    const started = performance.now();
    for (const { path } of this.#state.groups) {
      for (
        let delay = 0.1;
        !removeTree(path);
        delay = Math.min(delay * 2, 20)
      ) {
        this.kill();
        if (performance.now() - started > DEATH) {
          throw new ContainerError(
            `Cannot remove the cgroup ${path}: the kernel still finds it busy`,
            {
              hint:
                "Look for what mounts it or what holds it: lsns --type cgroup",
            },
          );
        }
        // A process that is dead but not waited for keeps its cgroup busy for a moment.
        sleep(delay);
      }
    }
    // Cgroups above that we made go too, unless another container is there.
    for (const path of this.#state.made.toReversed()) removeDirectory(path);
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

function formatBytes(bytes: number): string {
  const [size, unit] = bytes >= 2 ** 30
    ? [bytes / 2 ** 30, "GiB"]
    : bytes >= 2 ** 20
    ? [bytes / 2 ** 20, "MiB"]
    : [bytes / 2 ** 10, "KiB"];
  return `${Number(size.toFixed(1))} ${unit}`;
}

/** A cgroup with those below it: true when all of it is gone. */
function removeTree(path: string): boolean {
  if (removeDirectory(path)) return true;
  visitTree(path, { leave: removeDirectory });
  return removeDirectory(path);
}

/** rmdir(2): true when it is gone, false when it is busy. */
function removeDirectory(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    if (["EBUSY", "ENOTEMPTY"].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Writes to what may have gone meanwhile, or may not be there on older kernels. */
function attempt(path: string, value: string): boolean {
  try {
    writeFile(path, value);
    return true;
  } catch (error) {
    if (
      !["ENOENT", "ENODEV", "EINVAL", "EOPNOTSUPP", "E95"].includes(
        codeOf(error),
      )
    ) throw error;
    return false;
  }
}

/** Sleeps without leaving the caller's turn: clean-up has to be over when it returns. */
function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
