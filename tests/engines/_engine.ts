/**
 * An engine in a test. It keeps everything in a directory of its own, and what
 * it leaves on the host is found by that directory's name and removed.
 */

// @ts-types="../../types/std_path.d.ts"
import { basename } from "@std/path";
import { cgroupsOf, removeCgroups } from "../_engine_cgroups.ts";
import { execute, type Result, TempDir, until } from "../_harness.ts";
import { commandOf, descendants, snapshot } from "../_host.ts";
import { PRELUDE } from "./_scenario.ts";

/** A runtime of an engine. */
export interface Runtime {
  name: "runc" | "ours";
  /** The absolute path of its program. */
  path: string;
}

/** What is left of containers, in words. */
export type Leftovers = string[];

/** An engine with a runtime. */
export abstract class Engine implements AsyncDisposable {
  readonly dir = new TempDir();

  constructor(readonly runtime: Runtime) {
    // Descendants that lose their parent become children of this process.
    snapshot();
  }

  /** A unique name on this host, which is part of the names of its cgroups. */
  get id(): string {
    return basename(this.dir.path);
  }

  /** The environment of the client. */
  abstract readonly env: Record<string, string>;

  /** The directories in which the runtime keeps the state of containers. */
  abstract readonly stateRoots: readonly string[];

  /** Removes every container. */
  abstract clear(): Promise<void>;

  /** Words before those of a client, which run it where the engine is. */
  get before(): readonly string[] {
    return [];
  }

  /** Runs a script of the table in an empty directory. */
  async run(script: string): Promise<Result> {
    const cwd = Deno.makeTempDirSync({ dir: this.dir.path });
    Deno.chmodSync(cwd, 0o777);
    // A process that enters a mount namespace starts at its root.
    const start = 'cd "$1" || exit; shift; exec 2>&1';
    const words = ["sh", "-c", `${start}\n${PRELUDE}\n${script}`, "sh", cwd];
    try {
      return await execute([...this.before, ...words], { env: this.env });
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  }

  /** Runs a script that must succeed. */
  async does(script: string): Promise<string> {
    const { status, stdout } = await this.run(script);
    if (status) throw new Error(`${script}: ${stdout}`);
    return stdout.trim();
  }

  /** Everything that containers have left on the host. */
  leftovers(): Leftovers {
    return [
      ...this.mounts().map((line) => `mount: ${line.split(" ")[4]}`),
      ...this.cgroups().map((path) => `cgroup: ${path}`),
      ...this.stateRoots.flatMap(entries).map((path) => `state: ${path}`),
      ...this.processes(),
    ];
  }

  /**
   * Mounts below the directory, in the namespace in which the engine makes
   * them.
   */
  mounts(): string[] {
    return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
      .filter((line) => line.includes(`${this.dir.path}/`));
  }

  /** The cgroups at the root below which containers have theirs. */
  get cgroupParents(): readonly string[] {
    return [this.id];
  }

  /** The cgroups of containers. */
  cgroups(): string[] {
    return this.cgroupParents.flatMap(cgroupsOf);
  }

  /** Processes below this process in another PID namespace. */
  processes(): string[] {
    const inside = descendants(Deno.pid).filter(({ pid }) => {
      try {
        return /^NSpid:\t\d+\t/m.test(
          Deno.readTextFileSync(`/proc/${pid}/status`),
        );
      } catch {
        return false;
      }
    });
    return inside.map(({ pid }) => `process: ${pid} ${commandOf(pid)}`);
  }

  /** Ends the engine's own processes; the clean-up goes on after an error. */
  protected abstract stop(): Promise<void>;

  /** The engine's log, for the message of a failure. */
  log(): string {
    return "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } finally {
      await endDescendants();
      await unmountBelow(this.dir.path);
      for (const name of this.cgroupParents) removeCgroups(name);
      await this.dir[Symbol.asyncDispose]();
    }
  }
}

function entries(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => `${path}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/**
 * Ends all descendants of the test, which belong to the engine: shims,
 * monitors, containers.
 */
async function endDescendants(): Promise<void> {
  const alive = () => {
    // Reaps zombies.
    snapshot();
    return descendants(Deno.pid);
  };
  await until("the engine's processes end", () => {
    for (const { pid } of alive()) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return alive().length === 0;
  });
}

/** Unmounts the last mount first. */
async function unmountBelow(path: string): Promise<void> {
  const places = (await Deno.readTextFile("/proc/self/mountinfo")).split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((place) => place.startsWith(`${path}/`));
  for (const place of places.toReversed()) {
    await execute(["umount", "-l", place]);
  }
}
