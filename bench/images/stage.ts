/**
 * What the rows of images share: a registry with the images, disks, and the
 * stores of container and podman. Each part is made at its first use.
 */
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import type { Command } from "../process.ts";
import { copyOfProgram } from "../compiled.ts";
import { need } from "../peers.ts";
import { run } from "../process.ts";
import type { Workspace } from "../workspace.ts";
import { Disk, does } from "./disk.ts";
import { filesUpTo, type Layer, Layout } from "./layout.ts";
import { startRegistry } from "./registry.ts";

/** The directories of the sample, and how many bytes of each. */
const SAMPLE: readonly (readonly [directory: string, bytes: number])[] = [
  ["/usr/lib", 120e6],
  ["/usr/share", 80e6],
  ["/usr/bin", 38e6],
];

/** The number of layers of the image with many. */
export const MANY_LAYERS = 60;

/** The images of the registry. */
export interface Images {
  /** The registry's host and port. */
  host: string;
  /** The names of the images in it. */
  sample: string;
  oneLayer: string;
  manyLayers: string;
  /** The layers of the sample. */
  layers: readonly Layer[];
}

const stages = new WeakMap<Workspace, Stage>();

/** The stage of a workspace. */
export class Stage {
  /** The same one for all rows. */
  static of(workspace: Workspace): Stage {
    const there = stages.get(workspace) ?? new Stage(workspace);
    stages.set(workspace, there);
    return there;
  }

  readonly #made = new Map<string, Promise<unknown>>();

  private constructor(readonly workspace: Workspace) {}

  /** Makes something once. */
  once<T>(what: string, make: () => Promise<T>): Promise<T> {
    const made = this.#made.get(what) as Promise<T> | undefined;
    if (made) return made;
    const making = make();
    this.#made.set(what, making);
    return making;
  }

  /** The disk for what stays during all rounds. */
  disk(): Promise<Disk> {
    return this.once("disk", () => Disk.make(this.workspace, "kept"));
  }

  /** The registry with the images. */
  images(): Promise<Images> {
    return this.once("images", () => this.#images());
  }

  async #images(): Promise<Images> {
    const { dir, rootfs } = this.workspace;
    await need("skopeo");
    const host = await startRegistry(this.workspace);
    const layout = new Layout(join(dir, "layout"));
    const layers: Layer[] = [];
    for (const [directory, bytes] of SAMPLE) {
      const list = join(dir, "files");
      const files = await filesUpTo(directory, bytes);
      await Deno.writeTextFile(list, files.join("\0") + "\0");
      const words = ["-C", "/", "--null", "-T", list];
      // The lowest one has /bin/true.
      if (!layers.length) words.unshift("-C", rootfs, ".");
      layers.push(await layout.layerOf(words));
    }
    layout.image("sample", layers);
    const base = await layout.layerOf(["-C", rootfs, "."]);
    layout.image("one", [base]);
    const small = Array.from(
      { length: MANY_LAYERS - 1 },
      (_, index) => layout.smallLayer(`layer${index}`),
    );
    layout.image("many", [base, ...small]);
    layout.write();
    for (const name of ["sample", "one", "many"]) {
      const from = `oci:${layout.path}:${name}`;
      const flags = ["--quiet", "--dest-tls-verify=false"];
      await does([
        "skopeo",
        "copy",
        ...flags,
        from,
        `docker://${host}/${name}:1`,
      ]);
    }
    const [sample, oneLayer, manyLayers] = ["sample", "one", "many"]
      .map((name) => `${host}/${name}:1`) as [string, string, string];
    return { host, sample, oneLayer, manyLayers, layers };
  }

  /** The words of container with a store. */
  async container(store: string, ...words: string[]): Promise<string[]> {
    return [await copyOfProgram(this.workspace), "--store", store, ...words];
  }

  /** The words of podman with its storage in a directory. */
  async podman(home: string, ...words: string[]): Promise<string[]> {
    return [
      ...[await need("podman"), `--root=${home}/root`],
      // podman refuses a longer path than 50 bytes.
      ...[`--runroot=${this.workspace.dir}/run`, "--storage-driver=overlay"],
      ...["--cgroup-manager=cgroupfs", "--runtime=runc", ...words],
    ];
  }

  /** A store with all images of the registry, on the disk that stays. */
  store(): Promise<string> {
    return this.once("store", async () => {
      const { sample, oneLayer, manyLayers } = await this.images();
      const store = join((await this.disk()).path, "store");
      for (const name of [sample, oneLayer, manyLayers]) {
        await does(await this.container(store, "pull", "-q", name));
      }
      return store;
    });
  }

  /** podman's storage with the sample, on the disk that stays. */
  storage(): Promise<string> {
    return this.once("storage", async () => {
      const { sample } = await this.images();
      const { dir, id, cleanup } = this.workspace;
      const home = join((await this.disk()).path, "podman");
      const words = ["pull", "-q", "--tls-verify=false", sample];
      cleanup.defer(async () => {
        const all = ["rm", "--force", "--all", "--time", "0"];
        await run({ argv: await this.podman(home, ...all) });
        // podman does not remove the parent of its cgroups.
        const script =
          `find /sys/fs/cgroup -depth -type d -path '*/${id}*' -exec rmdir {} +`;
        await run({ argv: ["sh", "-c", script] });
      });
      await does(await this.podman(home, ...words), { env: { TMPDIR: dir } });
      return home;
    });
  }

  /** A store with so many small images, on the disk that stays. */
  storeOf(count: number): Promise<string> {
    return this.once(`store of ${count}`, async () => {
      const { dir } = this.workspace;
      const layout = new Layout(join(dir, `layout${count}`));
      for (let index = 0; index < count; index++) {
        const name = `localhost/small${index}:1`;
        layout.image(name, [layout.smallLayer(`small${index}`)]);
      }
      layout.write();
      const store = join((await this.disk()).path, `store${count}`);
      const words = ["load", "-q", "-i", layout.path];
      await does(await this.container(store, ...words));
      return store;
    });
  }

  /** An archive with one small image, `localhost/extra:1`. */
  extra(): Promise<string> {
    return this.once("extra", () => {
      const layout = new Layout(join(this.workspace.dir, "extra"));
      layout.image("localhost/extra:1", [layout.smallLayer("extra")]);
      layout.write();
      return Promise.resolve(layout.path);
    });
  }
}

/** Runs a command outside the measurement, whatever its status. */
export async function quietly(command: Command): Promise<void> {
  await run(command, { timeout: 300_000 });
}
