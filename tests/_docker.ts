/**
 * Runs docker with a daemon of its own, as a reference. The daemon starts in a
 * temporary directory, without a network, and ends with the test.
 */

// @ts-types="../types/std_path.d.ts"
import { basename } from "@std/path";
import { removeCgroups } from "./_engine_cgroups.ts";
import { execute, type Result, TempDir, until, without } from "./_harness.ts";

/** Why there is no docker to compare with, or null. */
export const noDocker: string | null = without("dockerd") ??
  without("containerd") ?? without("docker") ?? without("runc");

/** A docker daemon with one image. */
export class Docker implements AsyncDisposable {
  readonly #dir: TempDir;
  readonly #daemon: Deno.ChildProcess;

  private constructor(dir: TempDir) {
    this.#dir = dir;
    const { path } = dir;
    this.#daemon = new Deno.Command("dockerd", {
      args: [
        `--data-root=${path}/data`,
        `--exec-root=${path}/exec`,
        `--pidfile=${path}/pid`,
        `--host=unix://${path}/socket`,
        `--cgroup-parent=/${basename(path)}`,
        "--storage-driver=vfs",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts a daemon. Its image `rootfs` is made of a directory. */
  static async start(rootfs: string): Promise<Docker> {
    const docker = new Docker(new TempDir());
    try {
      await until(
        "docker starts",
        async () => (await docker.#client("version")).status === 0,
      );
      const made = await execute([
        "sh",
        "-c",
        'tar -C "$1" -c . | docker -H "$2" import - rootfs',
        "sh",
        rootfs,
        docker.#host,
      ]);
      if (made.status) throw new Error(made.stderr);
      return docker;
    } catch (error) {
      await docker[Symbol.asyncDispose]();
      throw error;
    }
  }

  get #host(): string {
    return `unix://${this.#dir.path}/socket`;
  }

  #client(...args: string[]): Promise<Result> {
    return execute(["docker", "-H", this.#host, ...args]);
  }

  /** Runs `docker run` of a command in the image. */
  run(...command: string[]): Promise<Result> {
    return this.#client(
      "run",
      "--rm",
      "--network=none",
      "rootfs",
      ...command,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#daemon.kill("SIGTERM");
    await this.#daemon.status;
    removeCgroups(basename(this.#dir.path));
    await this.#dir[Symbol.asyncDispose]();
  }
}
