/**
 * An engine as a test has it: everything it keeps is in a folder of its own,
 * and all that it leaves on the host is found by that folder's name and taken
 * away.
 */

// @ts-types="../../types/std_path.d.ts"
import { basename } from "@std/path";
import { cgroupsOf, removeCgroups } from "../_engine_cgroups.ts";
import { execute, type Result, TempDir, until } from "../_harness.ts";
import { commandOf, descendants, snapshot } from "../_host.ts";
import { PRELUDE } from "./_scenario.ts";

/** A runtime under an engine. */
export interface Runtime {
  name: "runc" | "ours";
  /** Its program, absolute. */
  path: string;
}

/** What is left of containers, in words. */
export type Leftovers = string[];

/** One engine with one runtime. */
export abstract class Engine implements AsyncDisposable {
  readonly dir = new TempDir();

  constructor(readonly runtime: Runtime) {
    // Descendants that lose their parent come to this process.
    snapshot();
  }

  /** Unique on this host: names of cgroups have it in them. */
  get id(): string {
    return basename(this.dir.path);
  }

  /** What the client finds in its environment. */
  abstract readonly env: Record<string, string>;

  /** The directory in which the runtime keeps its state of containers. */
  abstract readonly stateRoots: readonly string[];

  /** Takes every container away. */
  abstract clear(): Promise<void>;

  /** Words before a client's, which take it where the engine is. */
  get before(): readonly string[] {
    return [];
  }

  /** Runs a script of the table, in an empty directory. */
  async run(script: string): Promise<Result> {
    const cwd = Deno.makeTempDirSync({ dir: this.dir.path });
    Deno.chmodSync(cwd, 0o777);
    // Who enters a mount namespace starts at its root.
    const start = 'cd "$1" || exit; shift; exec 2>&1';
    const words = ["sh", "-c", `${start}\n${PRELUDE}\n${script}`, "sh", cwd];
    try {
      return await execute([...this.before, ...words], { env: this.env });
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  }

  /** Runs what has to succeed. */
  async does(script: string): Promise<string> {
    const { status, stdout } = await this.run(script);
    if (status) throw new Error(`${script}: ${stdout}`);
    return stdout.trim();
  }

  /** What there is of containers on the host. */
  leftovers(): Leftovers {
    return [
      ...this.mounts().map((line) => `mount: ${line.split(" ")[4]}`),
      ...this.cgroups().map((path) => `cgroup: ${path}`),
      ...this.stateRoots.flatMap(entries).map((path) => `state: ${path}`),
      ...this.processes(),
    ];
  }

  /** Mounts below the folder, from where the engine makes them. */
  mounts(): string[] {
    return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
      .filter((line) => line.includes(`${this.dir.path}/`));
  }

  /** Under which cgroups of the root those of containers are. */
  get cgroupParents(): readonly string[] {
    return [this.id];
  }

  /** Cgroups of containers. */
  cgroups(): string[] {
    return this.cgroupParents.flatMap(cgroupsOf);
  }

  /** Processes in a PID namespace below this process. */
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

  /** Ends the engine's own processes; an error does not keep the rest from it. */
  protected abstract stop(): Promise<void>;

  /** What the engine said, for the message of a failure. */
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

/** Whatever descends from the test is the engine's: shims, monitors, containers. */
async function endDescendants(): Promise<void> {
  const alive = () => {
    // Buries what is dead.
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

/** The last mounted goes first. */
async function unmountBelow(path: string): Promise<void> {
  const places = (await Deno.readTextFile("/proc/self/mountinfo")).split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((place) => place.startsWith(`${path}/`));
  for (const place of places.toReversed()) {
    await execute(["umount", "-l", place]);
  }
}
