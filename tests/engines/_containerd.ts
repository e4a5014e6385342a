/**
 * containerd with its client ctr(8), which names the runtime's program
 * directly.
 */

import { rootfs, until, without } from "../_harness.ts";
import { Engine, type Runtime } from "./_engine.ts";

/** Why containerd cannot be tested here, or null. */
export const noContainerd: string | null = without("containerd") ??
  without("ctr") ?? without("umoci");

/** A containerd with one image, `busybox`. */
export class Containerd extends Engine {
  readonly #daemon: Deno.ChildProcess;
  readonly env: Record<string, string> = {};
  readonly stateRoots: readonly string[];

  private constructor(runtime: Runtime) {
    super(runtime);
    const { path } = this.dir;
    Object.assign(this.env, {
      CONTAINERD_ADDRESS: `${path}/socket`,
      // It is also the parent of the cgroups.
      CONTAINERD_NAMESPACE: this.id,
      RUNTIME: `--runc-binary ${runtime.path} --runc-root ${path}/runtime`,
      ROOTFS: rootfs(),
      TMPDIR: path,
    });
    this.stateRoots = [`${path}/runtime/${this.id}`];
    const config = `${path}/config.toml`;
    Deno.writeTextFileSync(
      config,
      `version = 2
root = "${path}/data"
state = "${path}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${path}/socket"
`,
    );
    this.#daemon = new Deno.Command("sh", {
      args: ["-c", `exec containerd -c ${config} >${path}/log 2>&1`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts containerd. */
  static async start(runtime: Runtime): Promise<Containerd> {
    const containerd = new Containerd(runtime);
    try {
      await until(
        () => `containerd starts: ${containerd.log()}`,
        async () => (await containerd.run("ctr version")).status === 0,
      );
      containerd.env.IMAGE = await containerd.does(`
        exec 3>&1 >/dev/null
        umoci init --layout layout
        umoci new --image layout:busybox
        umoci insert --image layout:busybox ${rootfs()} /
        tar -C layout -c . |
          ctr image import --base-name busybox -
        rm -r layout
        ctr image ls -q >&3`);
      return containerd;
    } catch (error) {
      await containerd[Symbol.asyncDispose]();
      throw error;
    }
  }

  override log(): string {
    try {
      return Deno.readTextFileSync(`${this.dir.path}/log`).split("\n")
        .slice(-10).join("\n");
    } catch {
      return "";
    }
  }

  async clear(): Promise<void> {
    await this.run(`
      for id in $(ctr task ls -q); do
        ctr task resume $id; ctr task kill -s KILL $id; ctr task rm -f $id
      done
      for id in $(ctr container ls -q); do ctr container rm $id; done`);
  }

  protected async stop(): Promise<void> {
    this.#daemon.kill("SIGTERM");
    const timer = setTimeout(() => this.#daemon.kill("SIGKILL"), 20_000);
    await this.#daemon.status;
    clearTimeout(timer);
  }
}
