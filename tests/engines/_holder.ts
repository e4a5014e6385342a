/**
 * Namespaces for an engine that has no daemon: a network, and the host's files
 * with a /run of their own. A process holds them, and all ends with it.
 */

import { execute, until } from "../_harness.ts";

/** Namespaces that are held. */
export class Holder {
  readonly #process: Deno.ChildProcess;

  /** Makes them; `setup` is for sh(1), run in them. */
  static async start(setup: string): Promise<Holder> {
    const holder = new Holder();
    await until("the namespaces are there", async () => {
      const { status } = await execute([
        ...holder.enter,
        ...["sh", "-c", "grep -q ' /run .*tmpfs' /proc/self/mountinfo"],
      ]);
      return status === 0;
    });
    const { status, stderr } = await execute(
      [...holder.enter, "sh", "-ec", setup],
    );
    if (status) throw new Error(stderr);
    return holder;
  }

  private constructor() {
    this.#process = new Deno.Command("unshare", {
      args: [
        ...["--net", "--mount", "--propagation", "private", "sh", "-ec"],
        // Locks of the host's own are left out, and its runtimes' state.
        "mount -t tmpfs -o mode=755 run /run; mkdir /run/lock; ip link set lo up; exec sleep infinity",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** The words that take a command into them. */
  get enter(): readonly string[] {
    return [
      "nsenter",
      "--target",
      String(this.#process.pid),
      "--mount",
      "--net",
      "--",
    ];
  }

  /** A file of theirs, as the host sees it. */
  path(path: string): string {
    return `/proc/${this.#process.pid}/root${path}`;
  }

  /** What is mounted there. */
  mountinfo(): string {
    return Deno.readTextFileSync(`/proc/${this.#process.pid}/mountinfo`);
  }

  /** Ends them, once nothing else is in them. */
  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }
}
