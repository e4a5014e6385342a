/**
 * The systemd scope that a container's cgroup is in: started before the
 * container, removed after it. Runs on the host, in the parent.
 */

import { startScope } from "../../cgroup/systemd/start_scope.ts";
import type { CgroupScope } from "../../cgroup/step.ts";
import { isThere } from "../../cgroup/systemd/systemd.ts";
import { type Descriptor, moveUp, pipe } from "../../ffi/fcntl.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { wait } from "../../ffi/wait.ts";
import { DESCRIPTOR } from "../lower/descriptors.ts";
import { compileSteps } from "../program.ts";
import { type Walk, walk } from "../walker.ts";
import type { Step } from "../../plan/step.ts";

/**
 * The time in milliseconds that systemd may take to notice that a scope is
 * empty.
 */
const GONE = 2000;

const WAIT: Step[] = [{
  step: "waitForParent",
  why: "a scope without a process ends immediately",
  man: "systemd.scope(5)",
}];

/**
 * A running scope. A walker that waits for us keeps it alive, in a cgroup next
 * to the command's. When this process ends for any reason, the walker ends too,
 * and systemd removes the empty scope.
 */
export class Scope implements Disposable {
  readonly #scope: CgroupScope;
  readonly #holder: Walk;
  readonly #lifeline: Descriptor;
  #released = false;

  private constructor(
    scope: CgroupScope,
    holder: Walk,
    lifeline: Descriptor,
  ) {
    this.#scope = scope;
    this.#holder = holder;
    this.#lifeline = lifeline;
  }

  /** Starts the scope. */
  static async start(scope: CgroupScope): Promise<Scope> {
    const { read, write } = pipe();
    using theirs = moveUp(read);
    const holder = walk(compileSteps(WAIT), () => WAIT, {
      fds: { [DESCRIPTOR.lifeline]: theirs },
    });
    const started = new Scope(scope, holder, moveUp(write));
    try {
      await startScope(scope, holder.pid);
      Deno.mkdirSync(scope.own);
      Deno.writeTextFileSync(`${scope.own}/cgroup.procs`, String(holder.pid), {
        create: false,
      });
      return started;
    } catch (error) {
      started[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Ends the walker: from now on the container's processes keep the scope
   * alive.
   */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#lifeline.close();
    kill(this.#holder.pid, SIGNAL.SIGKILL);
    wait(this.#holder.pid);
    this.#holder[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.release();
    const end = performance.now() + GONE;
    while (isThere(this.#scope.path) && performance.now() < end) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}
