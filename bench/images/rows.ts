/**
 * The rows of images for `deno task bench --images`: container next to podman,
 * and to what the shell does.
 */
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import type { Attempt, Candidate } from "../candidate.ts";
import { need } from "../peers.ts";
import type { Workspace } from "../workspace.ts";
import { FIRST } from "../typed.ts";
import { Disk, diskUsage, does } from "./disk.ts";
import { quietly, Stage } from "./stage.ts";

/** Flags that podman needs where hard limits cannot be raised. */
const PODMAN_RUN = [
  ...["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
];

/** A row; `peer` is the one that it is compared with in the table. */
const row = (
  name: string,
  label: string,
  prepare: (stage: Stage, workspace: Workspace) => Promise<Attempt>,
  peer?: string,
): Candidate => ({
  name: `image-${name}`,
  label,
  ...peer === undefined ? {} : { peer: `image-${peer}` },
  prepare: async (workspace) => [
    await prepare(Stage.of(workspace), workspace),
  ],
});

/** Each run is on a new file system. */
async function onNewDisk(
  workspace: Workspace,
  name: string,
  words: (path: string) => Promise<readonly string[]>,
): Promise<Attempt> {
  const disk = await Disk.make(workspace, name);
  const argv = await words(disk.path);
  return {
    command: () => ({ argv, env: { TMPDIR: disk.path } }),
    before: () => disk.renew(),
  };
}

const pulls: readonly Candidate[] = [
  row(
    "pull",
    "pull",
    async (stage, workspace) => {
      const { sample, layers } = await stage.images();
      const sum = (values: number[]) =>
        Math.round(values.reduce((one, other) => one + other) / 1e6);
      return {
        ...await onNewDisk(
          workspace,
          "pull",
          (path) => stage.container(`${path}/store`, "pull", "-q", sample),
        ),
        note: `${layers.length} layers, ${
          sum(layers.map(({ blob }) => blob.size))
        } MB compressed, ${
          sum(layers.map(({ unpacked }) => unpacked))
        } MB unpacked`,
      };
    },
    "pull-podman",
  ),
  row("pull-podman", "podman pull", async (stage, workspace) => {
    const { sample } = await stage.images();
    const words = ["pull", "-q", "--tls-verify=false", sample];
    return await onNewDisk(
      workspace,
      "pull-podman",
      (path) => stage.podman(path, ...words),
    );
  }),
  row("pull-tar", "curl | tar -xz, sync", async (stage, workspace) => {
    const { host, layers } = await stage.images();
    for (const program of ["curl", "tar", "gzip"]) await need(program);
    const urls = layers.map(({ blob: { digest } }) =>
      `http://${host}/v2/sample/blobs/${digest}`
    );
    const script = `cd "$1" && shift && for url; do
  mkdir "\${url##*:}" && curl -sf "$url" | tar -xz -C "\${url##*:}" || exit
done && sync -f .`;
    return await onNewDisk(
      workspace,
      "pull-tar",
      (path) => Promise.resolve(["sh", "-c", script, "sh", path, ...urls]),
    );
  }),
  row("pull-umoci", "skopeo copy, umoci unpack", async (stage, workspace) => {
    const { sample } = await stage.images();
    for (const program of ["skopeo", "umoci"]) await need(program);
    const script =
      `skopeo copy -q --src-tls-verify=false "docker://$2" "oci:$1/oci:1" &&
umoci unpack --image "$1/oci:1" "$1/bundle" && sync -f "$1"`;
    return await onNewDisk(
      workspace,
      "pull-umoci",
      (path) => Promise.resolve(["sh", "-c", script, "sh", path, sample]),
    );
  }),
  row(
    "present",
    "pull of an image that is here",
    async (stage) => {
      const store = await stage.store();
      const { sample } = await stage.images();
      const argv = await stage.container(store, "pull", "-q", sample);
      return { command: () => ({ argv }) };
    },
    "present-podman",
  ),
  row("present-podman", "podman pull, it is here", async (stage) => {
    const home = await stage.storage();
    const { sample } = await stage.images();
    const words = ["pull", "-q", "--tls-verify=false", sample];
    const argv = await stage.podman(home, ...words);
    return { command: () => ({ argv }) };
  }),
];

/** `run --rm` of one of the images. */
const runOf = (
  name: string,
  label: string,
  image: "sample" | "oneLayer" | "manyLayers",
  peer: string,
  env?: Record<string, string>,
): Candidate =>
  row(name, label, async (stage) => {
    const store = await stage.store();
    const { [image]: reference } = await stage.images();
    const argv = await stage.container(store, ...RUN, reference, "true");
    return { command: () => ({ argv, env }) };
  }, peer);

const RUN = ["run", "-q", "--rm", "--network", "none"];

const runs: readonly Candidate[] = [
  runOf("run", "run --rm IMAGE true", "sample", "run-podman", FIRST),
  row(
    "run-directory",
    "run --rm --rootfs DIR true",
    async (stage, workspace) => {
      const words = [...RUN, "--rootfs", workspace.rootfs, "true"];
      const argv = await stage.container(await stage.store(), ...words);
      return { command: () => ({ argv, env: FIRST }) };
    },
    "run-podman",
  ),
  runOf("again", "run --rm IMAGE true, again", "sample", "run-podman"),
  row("run-podman", "podman run --rm IMAGE true", async (stage, { id }) => {
    const home = await stage.storage();
    const { sample } = await stage.images();
    const flags = ["--rm", "--network=none", `--cgroup-parent=/${id}`];
    const words = ["run", ...flags, ...PODMAN_RUN, sample, "true"];
    const argv = await stage.podman(home, ...words);
    return { command: () => ({ argv }) };
  }),
  runOf("run-1", "run --rm, one layer", "oneLayer", "run-podman", FIRST),
  runOf("run-60", "run --rm, 60 layers", "manyLayers", "run-podman", FIRST),
];

/** What the container of a commit has changed. */
const CHANGE = ["cp", "-a", "/usr/share", "/copy"];

const writes: readonly Candidate[] = [
  row("commit", "commit", async (stage, { id, cleanup }) => {
    const store = await stage.store();
    const { sample } = await stage.images();
    const name = `${id}-commit`;
    const flags = ["-q", "--network", "none", "--name", name];
    await does(
      await stage.container(store, "run", ...flags, sample, ...CHANGE),
    );
    const remove = await stage.container(store, "rm", "-f", name);
    cleanup.defer(() => quietly({ argv: remove }));
    const argv = await stage.container(store, "commit", name, "changed:1");
    const again = await stage.container(store, "rmi", "-f", "changed:1");
    return {
      command: () => ({ argv }),
      before: () => quietly({ argv: again }),
    };
  }, "commit-podman"),
  row("commit-podman", "podman commit", async (stage, { id }) => {
    const home = await stage.storage();
    const { sample } = await stage.images();
    const name = `${id}-commit`;
    const flags = ["--network=none", `--cgroup-parent=/${id}`, "--name", name];
    await does(
      await stage.podman(
        home,
        "run",
        ...flags,
        ...PODMAN_RUN,
        sample,
        ...CHANGE,
      ),
    );
    const argv = await stage.podman(home, "commit", "-q", name, "changed:1");
    const again = await stage.podman(home, "rmi", "-f", "changed:1");
    return {
      command: () => ({ argv }),
      before: () => quietly({ argv: again }),
    };
  }),
  row("save", "save", async (stage) => {
    const store = await stage.store();
    const { sample } = await stage.images();
    const file = join((await stage.disk()).path, "saved.tar");
    const argv = await stage.container(store, "save", "-o", file, sample);
    return { command: () => ({ argv }), before: () => remove(file) };
  }, "save-podman"),
  row("save-podman", "podman save", async (stage) => {
    const home = await stage.storage();
    const { sample } = await stage.images();
    const file = join((await stage.disk()).path, "saved-podman.tar");
    const argv = await stage.podman(home, "save", "-q", "-o", file, sample);
    return { command: () => ({ argv }), before: () => remove(file) };
  }),
];

async function remove(file: string): Promise<void> {
  try {
    await Deno.remove(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

const many: readonly Candidate[] = [10, 1000].flatMap((count) => [
  row(`images-${count}`, `images, ${count} images`, async (stage) => {
    const argv = await stage.container(await stage.storeOf(count), "images");
    return { command: () => ({ argv }) };
  }),
  row(`rmi-${count}`, `rmi, ${count} images`, async (stage) => {
    const store = await stage.storeOf(count);
    const words = ["load", "-q", "-i", await stage.extra()];
    const load = await stage.container(store, ...words);
    const argv = await stage.container(store, "rmi", "localhost/extra:1");
    return {
      command: () => ({ argv }),
      before: async () => void await does(load),
    };
  }),
]);

/** Rows whose samples are MiB on disk. */
const disks: readonly Candidate[] = [
  row("disk", "the store, MiB on disk", async (stage, workspace) => {
    const { sample } = await stage.images();
    const { path } = await Disk.make(workspace, "disk");
    await does(await stage.container(path, "pull", "-q", sample));
    const used = await diskUsage([`${path}/blobs`, `${path}/layers`]);
    return says(used);
  }, "disk-allowed"),
  row(
    "disk-allowed",
    "the blobs and 1.02 of podman's layers, MiB",
    async (stage) => {
      const { layers } = await stage.images();
      const blobs = layers.reduce((sum, { blob }) => sum + blob.size, 0);
      const home = await stage.storage();
      return says(blobs + 1.02 * await diskUsage([`${home}/root/overlay`]));
    },
  ),
];

const says = (bytes: number): Attempt => ({
  command: () => ({ argv: ["echo", String(bytes / 2 ** 20)] }),
  saysTime: true,
});

/** All rows of images, in the order of the report. */
export const imageCandidates: readonly Candidate[] = [
  ...pulls,
  ...runs,
  ...writes,
  ...many,
  ...disks,
];
