/**
 * Namespaces for an engine without a daemon: a network, and the host's files
 * with another /run. A process holds them, and everything ends with it.
 */

import { execute, until } from "../_harness.ts";

/** Namespaces that a process holds. */
export class Holder {
  readonly #process: Deno.ChildProcess;

  /** Makes the namespaces and runs the sh(1) script `setup` in them. */
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
        // Locks of the host and the state of its runtimes are left out.
        "mount -t tmpfs -o mode=755 run /run; mkdir /run/lock; ip link set lo up; exec sleep infinity",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** The words that run a command in the namespaces. */
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

  /** The path on the host of a file in them. */
  path(path: string): string {
    return `/proc/${this.#process.pid}/root${path}`;
  }

  /** The mounts in them. */
  mountinfo(): string {
    return Deno.readTextFileSync(`/proc/${this.#process.pid}/mountinfo`);
  }

  /** Ends the namespaces once no other process is in them. */
  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }
}
