/**
 * podman, as root and as an ordinary user with subordinate ids, with a
 * containers.conf of its own. There is no daemon: conmon(8) stays with each
 * container.
 */

import { execute, rootfs, without } from "../_harness.ts";
import { Engine, type Runtime } from "./_engine.ts";
import { Holder } from "./_holder.ts";

/** Why podman cannot be tested here, or null. */
export const noPodman: string | null = without("podman") ??
  without("conmon") ?? without("catatonit") ??
  (isThere("/usr/lib/podman/netavark") ? null : "netavark is not installed");

/** Why rootless podman cannot be tested here, or null. */
export const noRootless: string | null = noPodman ?? without("newuidmap") ??
  without("slirp4netns") ??
  (isThere("/dev/net/tun") ? null : "there is no /dev/net/tun");

function isThere(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** A user id that the host does not use. */
const USER = 64321;

const ACCOUNTS: Record<string, string> = {
  passwd: `root:x:0:0::/root:/bin/sh\ntenant:x:${USER}:${USER}::HOME:/bin/sh\n`,
  group: `root:x:0:\ntenant:x:${USER}:\n`,
  subuid: "tenant:1000000:65536\n",
  subgid: "tenant:1000000:65536\n",
};

/** podman with one image, `busybox`. */
export class Podman extends Engine {
  readonly env: Record<string, string>;
  #holder: Holder | undefined;

  private constructor(runtime: Runtime, readonly rootless: boolean) {
    super(runtime);
    const { path } = this.dir;
    this.env = {
      HOME: `${path}/home`,
      USER: rootless ? "tenant" : "root",
      // podman allows 50 characters for it, and adds some.
      XDG_RUNTIME_DIR: `${path}/r`,
      CONTAINERS_CONF: `${path}/containers.conf`,
      CONTAINERS_STORAGE_CONF: `${path}/storage.conf`,
      TMPDIR: `${path}/tmp`,
      RUNTIME: `${path}/bin/runtime`,
    };
  }

  /** Makes the directory and the image. */
  static async start(runtime: Runtime, rootless: boolean): Promise<Podman> {
    const podman = new Podman(runtime, rootless);
    try {
      await podman.#prepare();
      // The checkout may be closed to the user.
      const tar = `${podman.dir.path}/busybox.tar`;
      await execute(["tar", "-C", rootfs(), "-cf", tar, "."]);
      await podman.does(`podman import -q ${tar} busybox`);
      return podman;
    } catch (error) {
      await podman[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const { path } = this.dir;
    for (const name of ["home", "r", "tmp", "bin", "etc"]) {
      Deno.mkdirSync(`${path}/${name}`);
    }
    Deno.chmodSync(`${path}/r`, 0o700);
    Deno.writeTextFileSync(`${path}/containers.conf`, this.#configuration());
    Deno.writeTextFileSync(
      `${path}/storage.conf`,
      `[storage]
driver = "overlay"
graphroot = "${path}/data"
runroot = "${path}/r/storage"
`,
    );
    Deno.writeTextFileSync(`${path}/bin/runtime`, "");
    for (const [name, text] of Object.entries(ACCOUNTS)) {
      Deno.writeTextFileSync(
        `${path}/etc/${name}`,
        text.replace("HOME", `${path}/home`),
      );
    }
    const own = `
      mount --bind ${this.runtime.path} ${path}/bin/runtime
      for name in ${Object.keys(ACCOUNTS).join(" ")}; do
        mount --bind ${path}/etc/$name /etc/$name
      done
      # Some machines have it for root alone.
      mknod /run/tun c 10 200; chmod 666 /run/tun
      mount --bind /run/tun /dev/net/tun
      chown ${USER}:${USER} ${path} ${path}/home ${path}/r ${path}/tmp`;
    this.#holder = await Holder.start(
      this.rootless
        ? own
        : `mount --bind ${this.runtime.path} ${path}/bin/runtime`,
    );
  }

  /** The configuration; docs/engines.md has the part that an operator needs. */
  #configuration(): string {
    const { path } = this.dir;
    const { name } = this.runtime;
    return `[containers]
log_driver = "k8s-file"
# podman raises these for root, which not every root may.
default_ulimits = ["nofile=512:512", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "${name}"
runtime_supports_json = ["runc", "ours"]
runtime_supports_nocgroup = ["ours"]
[engine.runtimes]
${name} = ["${path}/bin/runtime"]
[network]
network_backend = "netavark"
network_config_dir = "${path}/networks"
`;
  }

  override get before(): readonly string[] {
    const enter = this.#holder!.enter;
    return this.rootless
      ? [
        ...enter,
        ...["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
      ]
      : enter;
  }

  override get stateRoots(): readonly string[] {
    if (!this.#holder) return [];
    const run = this.rootless
      ? `${this.dir.path}/r`
      : this.#holder.path("/run");
    return this.runtime.name === "ours"
      ? [`${run}/container/containers`]
      : [`${run}/runc`];
  }

  override mounts(): string[] {
    let text = this.#holder!.mountinfo();
    if (this.rootless) {
      try {
        const pid = Deno.readTextFileSync(
          `${this.dir.path}/r/libpod/tmp/pause.pid`,
        );
        text = Deno.readTextFileSync(`/proc/${pid.trim()}/mountinfo`);
      } catch {
        // It has not run yet.
      }
    }
    return text.split("\n").filter((line) =>
      line.includes(`${this.dir.path}/data/overlay/`) ||
      line.includes(" /run/netns/")
    );
  }

  override get cgroupParents(): readonly string[] {
    return ["libpod_parent"];
  }

  override cgroups(): string[] {
    // The cgroups of pods are podman's, which leaves some of them behind.
    return super.cgroups().filter((path) => path.includes("/libpod-"));
  }

  override processes(): string[] {
    // A process of podman holds the user's namespaces.
    return super.processes().filter((line) =>
      !/podman|catatonit -P/.test(line)
    );
  }

  async clear(): Promise<void> {
    await this.run(`
      podman unpause -a; podman pod rm -fa -t 0; podman rm -fa -t 0
      podman volume prune -f; podman network prune -f
      podman rmi -f $(podman images -q --filter dangling=true)`);
  }

  protected async stop(): Promise<void> {
    if (!this.#holder) return;
    await this.run("podman rm -fa -t 0; podman system migrate");
    await this.#holder.stop();
  }
}
