/**
 * The live cgroup of a container: adds processes, measures, freezes, kills.
 * Runs on the host, in the parent or any later command.
 *
 * @module
 */

import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { kill, SIGNAL } from "../ffi/signal.ts";
import { ContainerError } from "../spec/errors.ts";
import type { Resources } from "../spec/resources.ts";
import { applyAll, attempt, readFile, writeFile } from "./apply.ts";
import { planUpdate } from "./plan.ts";
import { parseLimit, readStats, type Stats } from "./stats.ts";
import { sleep } from "./sleep.ts";
import type { CgroupGroup, CgroupPlan, CgroupStep } from "./step.ts";
import { visitTree } from "./tree.ts";

/**
 * The part of a plan that is stored, so a later command finds the cgroup again.
 */
export type CgroupState = Pick<CgroupPlan, "id" | "groups"> & {
  /** The systemd unit that contains it. */
  unit?: string;
};

/** The time in milliseconds that processes may take to die. */
const DEATH = 10_000;
/**
 * The time in milliseconds that a freeze may take: a process inside the kernel
 * freezes when it returns.
 */
const FREEZE = 5_000;

/** The part of a plan that a record stores. */
export const stateOf = ({ id, groups, scope }: CgroupPlan): CgroupState => ({
  id,
  groups,
  ...(scope ? { unit: scope.unit } : {}),
});

/** A cgroup that exists or existed. */
export class Cgroup {
  readonly #state: CgroupState;

  constructor(state: CgroupState) {
    this.#state = state;
  }

  /** The files that a process writes "0" to, in order to join. */
  joinFiles(): string[] {
    return this.#state.groups.map(({ path }) => `${path}/cgroup.procs`);
  }

  /**
   * Opens the directory for clone3(2) with CLONE_INTO_CGROUP: the new process
   * starts inside and does not have to be moved. Returns null if the container
   * has a v1 cgroup.
   */
  openDirectory(): Descriptor | null {
    const [group, ...more] = this.#state.groups;
    if (group?.version !== 2 || more.length) return null;
    return open(group.path, O.O_PATH | O.O_DIRECTORY);
  }

  /** Adds a running process. */
  join(pid: number): void {
    for (const file of this.joinFiles()) writeFile(file, String(pid));
  }

  /** Its resource usage. */
  stats(): Stats {
    return readStats(this.#state.groups, readFile);
  }

  /**
   * The number of its processes that the kernel has killed because memory ran
   * out.
   */
  oomKills(): number {
    return this.stats().memory?.oomKills ?? 0;
  }

  /** Whether the kernel has killed a process because memory ran out. */
  oomKilled(): boolean {
    return this.oomKills() > 0;
  }

  /** The message about this kill; null if there was none. */
  oomMessage(): string | null {
    const { memory } = this.stats();
    if (!memory?.oomKills) return null;
    const limit = memory.limit === null
      ? "a parent cgroup or the machine had no memory left"
      : `it reached its limit of ${formatBytes(memory.limit)}; see --memory`;
    return `Out of memory: the kernel killed ${
      memory.oomKills === 1 ? "a process" : `${memory.oomKills} processes`
    } of the container, because ${limit}`;
  }

  /** The processes in it and in the cgroups below, in all trees. */
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

  /** Stops every process; they do not notice. */
  freeze(): void {
    this.#setFrozen(true);
  }

  /** Continues every process. */
  thaw(): void {
    this.#setFrozen(false);
  }

  /** Whether {@linkcode freeze} has stopped its processes. */
  isFrozen(): boolean {
    return this.#state.groups.some(({ version, controllers, path }) =>
      version === 2
        ? readFile(`${path}/cgroup.events`)?.includes("frozen 1")
        : controllers.includes("freezer") &&
          readFile(`${path}/freezer.state`)?.trim() === "FROZEN"
    );
  }

  /** The group that can freeze. */
  #freezer(): CgroupGroup | undefined {
    const { groups } = this.#state;
    return groups.find(({ version }) => version === 2) ??
      groups.find(({ controllers }) => controllers.includes("freezer"));
  }

  /** The directory that can freeze the container; null if there is none. */
  freezerPath(): string | null {
    return this.#freezer()?.path ?? null;
  }

  /** The file and the word that continue every process; null without a freezer. */
  thawing(): { file: string; word: string } | null {
    const freezer = this.#freezer();
    if (!freezer) return null;
    const { version, path } = freezer;
    return version === 2
      ? { file: `${path}/cgroup.freeze`, word: "0" }
      : { file: `${path}/freezer.state`, word: "THAWED" };
  }

  #setFrozen(frozen: boolean): void {
    const freezer = this.#freezer();
    const v2 = freezer?.version === 2;
    const path = freezer?.path;
    if (path === undefined) {
      throw new ContainerError(
        "Cannot pause: the container is not in a cgroup that can be frozen",
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
          }: the kernel did not finish within ${FREEZE / 1000} seconds`,
          {
            hint:
              "A process of the container is blocked in the kernel (state D in ps)",
          },
        );
      }
      sleep(delay);
      // v1 gives up on a busy process; writing again makes it try again.
      if (!v2) writeFile(file, wanted);
    }
  }

  /**
   * Kills every process in it and waits until none is left.
   *
   * @param freezer v1: the cgroup that can freeze them, if it is not a part of
   * this one
   * @throws ContainerError if processes do not die
   */
  kill(freezer?: string): void {
    const started = performance.now();
    for (let delay = 0.2; this.pids().length; delay = Math.min(delay * 2, 20)) {
      this.#killOnce(freezer);
      if (performance.now() - started > DEATH) {
        throw new ContainerError(
          `Cannot end the processes ${
            this.pids().join(", ")
          }: they still exist ${DEATH / 1000} seconds after SIGKILL`,
          {
            hint:
              "They are blocked in the kernel (state D in ps), perhaps on a disk or a network file system",
          },
        );
      }
      sleep(delay);
    }
  }

  #killOnce(freezer?: string): void {
    const { groups } = this.#state;
    const v2 = groups.find(({ version }) => version === 2);
    const v1 = freezer ??
      groups.find(({ version, controllers }) =>
        version === 1 && controllers.includes("freezer")
      )?.path;
    // Linux 5.14: kills all at once, including processes that are just being
    // created.
    if (v2 && attempt(`${v2.path}/cgroup.kill`, "1") && groups.length === 1) {
      return;
    }
    // Separate signals race with a process that forks, so freeze first. v1
    // delivers the signals only when it thaws.
    if (v1) attempt(`${v1}/freezer.state`, "FROZEN");
    else if (v2) attempt(`${v2.path}/cgroup.freeze`, "1");
    for (const pid of this.pids()) kill(pid, SIGNAL.SIGKILL);
    if (v1) attempt(`${v1}/freezer.state`, "THAWED");
    else if (v2) attempt(`${v2.path}/cgroup.freeze`, "0");
  }

  /**
   * Changes the limits of a running container.
   *
   * @returns the writes that were done
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
}

function formatBytes(bytes: number): string {
  const [size, unit] = bytes >= 2 ** 30
    ? [bytes / 2 ** 30, "GiB"]
    : bytes >= 2 ** 20
    ? [bytes / 2 ** 20, "MiB"]
    : [bytes / 2 ** 10, "KiB"];
  return `${Number(size.toFixed(1))} ${unit}`;
}
