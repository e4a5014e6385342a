/**
 * dockerd, with its own containerd, in a network namespace of its own, which
 * its bridges, addresses and packet filters end with.
 */

import { rootfs, until, without } from "../_harness.ts";
import { Engine, type Runtime } from "./_engine.ts";

/** Why docker cannot be tested here, or null. */
export const noDocker: string | null = without("dockerd") ??
  without("containerd") ?? without("docker") ?? without("runc") ??
  without("iptables");

/** A docker daemon with one image, `busybox`. */
export class Docker extends Engine {
  readonly #daemon: Deno.ChildProcess;
  readonly env: Record<string, string>;
  readonly stateRoots: readonly string[];

  private constructor(runtime: Runtime) {
    super(runtime);
    const { path } = this.dir;
    this.env = {
      DOCKER_HOST: `unix://${path}/socket`,
      DOCKER_CONFIG: `${path}/client`,
      DOCKER_BUILDKIT: "0",
      DOCKER_CLI_HINTS: "false",
    };
    this.stateRoots = [`${path}/exec/runtime-${runtime.name}/moby`];
    const config = `${path}/daemon.json`;
    Deno.writeTextFileSync(config, JSON.stringify(this.#configuration()));
    const [shell, ...args] = [
      ...["sh", "-c", 'ip link set lo up; exec "$@" >"$0" 2>&1', `${path}/log`],
      ...["dockerd", `--config-file=${config}`],
    ];
    this.#daemon = new Deno.Command("unshare", {
      args: ["--net", shell!, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** The configuration; docs/engines.md has the part that an operator needs. */
  #configuration(): Record<string, unknown> {
    const { path } = this.dir;
    return {
      "data-root": `${path}/data`,
      "exec-root": `${path}/exec`,
      pidfile: `${path}/pid`,
      hosts: [`unix://${path}/socket`],
      "cgroup-parent": `/${this.id}`,
      ip6tables: false,
      ...(this.runtime.name === "ours"
        ? {
          runtimes: { ours: { path: this.runtime.path } },
          "default-runtime": "ours",
        }
        : {}),
    };
  }

  /** Starts dockerd. */
  static async start(runtime: Runtime): Promise<Docker> {
    const docker = new Docker(runtime);
    try {
      await until(
        () => `docker starts: ${docker.log()}`,
        async () => (await docker.run("docker version")).status === 0,
      );
      await docker.does(`tar -C ${rootfs()} -c . | docker import - busybox`);
      return docker;
    } catch (error) {
      await docker[Symbol.asyncDispose]();
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

  override mounts(): string[] {
    // Docker's own: its directory, and after `--network host` a namespace's
    // file.
    return super.mounts().filter((line) =>
      !/ \S+\/(data|exec\/netns\/default) /.test(line)
    );
  }

  async clear(): Promise<void> {
    await this.run(`
      ids=$(docker ps -aq)
      if [ "$ids" ]; then docker unpause $ids; docker rm -fv $ids; fi
      docker volume prune -f; docker network prune -f`);
  }

  protected async stop(): Promise<void> {
    this.#daemon.kill("SIGTERM");
    const timer = setTimeout(() => this.#daemon.kill("SIGKILL"), 20_000);
    await this.#daemon.status;
    clearTimeout(timer);
  }
}
