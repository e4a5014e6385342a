/**
 * containerd in the role that it has for Kubernetes: its plugin for the
 * Container Runtime Interface, with the runtime in the configuration.
 */

import { rootfs, until } from "../_harness.ts";
import { Calls } from "./_calls.ts";
import { CriClient } from "./_cri_client.ts";
import { Engine, type Runtime } from "./_engine.ts";

const configuration = (dir: string, runtime: Runtime) =>
  `version = 2
root = "${dir}/data"
state = "${dir}/state"
[grpc]
address = "${dir}/socket"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/test:pause"
disable_tcp_service = true
restrict_oom_score_adj = true
stream_server_port = "0"
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${dir}/bin"
conf_dir = "${dir}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "tested"
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested.options]
BinaryName = "${runtime.path}"
Root = "${dir}/runtime"
`;

/**
 * A plugin that only reports a network: a pod has a network namespace without
 * one.
 */
const NETWORK = `#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
VERSION) echo '{"cniVersion": "0.3.1", "supportedVersions": ["0.3.1"]}' ;;
ADD) echo '{
  "cniVersion": "0.3.1",
  "interfaces": [{"name": "'$CNI_IFNAME'", "sandbox": "'$CNI_NETNS'"}],
  "ips": [{"version": "4", "address": "192.0.2.1/24", "interface": 0}]
}' ;;
esac
`;

const NETWORK_LIST = JSON.stringify({
  cniVersion: "0.3.1",
  name: "test",
  plugins: [{ type: "network" }],
});

/** A containerd that the command `cri` talks to, with two images. */
export class Cri extends Engine {
  readonly #daemon: Deno.ChildProcess;
  readonly #client: CriClient;
  readonly #calls: Calls;
  readonly env: Record<string, string> = {};
  readonly stateRoots: readonly string[];

  private constructor(runtime: Runtime) {
    super(runtime);
    const { path } = this.dir;
    Object.assign(this.env, {
      PATH: `${path}/bin:${Deno.env.get("PATH")}`,
      CONTAINERD_ADDRESS: `${path}/socket`,
      // The namespace in which the plugin keeps its containers.
      CONTAINERD_NAMESPACE: "k8s.io",
      CRI_CGROUP_PARENT: `/${this.id}`,
      TMPDIR: path,
    });
    this.stateRoots = [`${path}/runtime/k8s.io`];
    for (const name of ["bin", "cni", "calls"]) {
      Deno.mkdirSync(`${path}/${name}`);
    }
    const write = (name: string, text: string, mode = 0o644) =>
      Deno.writeTextFileSync(`${path}/${name}`, text, { mode });
    write("config.toml", configuration(path, runtime));
    write("cni/test.conflist", NETWORK_LIST);
    write("bin/network", NETWORK, 0o755);
    // The plugin is called by this name, whatever the configuration lists.
    write("bin/loopback", NETWORK, 0o755);
    this.#client = new CriClient({
      socket: `${path}/socket`,
      image: "localhost/test:busybox",
      cgroupParent: `/${this.id}`,
    });
    this.#calls = new Calls(
      `${path}/bin/cri`,
      `${path}/calls`,
      (words, cwd) => this.#client.run(words, cwd),
    );
    this.#daemon = new Deno.Command("sh", {
      args: ["-c", `exec containerd -c ${path}/config.toml >${path}/log 2>&1`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts containerd. */
  static async start(runtime: Runtime): Promise<Cri> {
    const cri = new Cri(runtime);
    try {
      await until(
        () => `containerd starts: ${cri.log()}`,
        async () => (await cri.run("cri info")).status === 0,
      );
      await cri.does(`
        exec >/dev/null
        umoci init --layout layout
        umoci new --image layout:busybox
        umoci insert --image layout:busybox ${rootfs()} /
        umoci config --image layout:busybox --config.env PATH=/bin
        umoci config --image layout:busybox --tag pause \
          --config.cmd sleep --config.cmd 1000000
        tar -C layout -c . |
          ctr image import --base-name localhost/test -
        # The plugin has its own name for what it knows.
        until_it '[ $(ctr image ls -q | grep -c ^sha256:) = 2 ]'`);
      return cri;
    } catch (error) {
      await cri[Symbol.asyncDispose]();
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
    await this.run("cri clear");
  }

  protected async stop(): Promise<void> {
    await this.#calls[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
    this.#daemon.kill("SIGTERM");
    const timer = setTimeout(() => this.#daemon.kill("SIGKILL"), 20_000);
    await this.#daemon.status;
    clearTimeout(timer);
  }
}
