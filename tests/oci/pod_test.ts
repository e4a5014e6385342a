/**
 * Containers that share namespaces, including a user namespace, like those of a
 * pod.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { running } from "../_exec.ts";
import { TempDir, test } from "../_harness.ts";
import { joining, runs, sandbox } from "../_pod.ts";

for (const [options, owner] of [[["idmap"], "0"], [[], "65534"]] as const) {
  test(`a bundle's mount with ${options[0] ?? "no option"} belongs to ${owner} in its user namespace`, async () => {
    await using files = new TempDir();
    await using bundle = await Bundle.make(
      ["stat", "-c", "%u", "/mnt"],
      (config) => {
        sandbox(config);
        config.mounts.push({
          ...{ destination: "/mnt", type: "bind", source: files.path },
          options: ["rbind", ...options],
        });
      },
    );
    await Deno.mkdir(`${bundle.dir.path}/rootfs/mnt`, { recursive: true });
    assertEquals(await runs(bundle), `${owner}\n`);
  });
}

test("a container joins a user namespace whose mapping the configuration repeats", async () => {
  await using pod = await running(sandbox);
  await using bundle = await Bundle.make(
    ["cat", "/proc/self/uid_map"],
    joining(pod.pid),
  );
  const maps = await runs(bundle);
  assertEquals(maps.trim().split(/\s+/), ["0", "100000", "65536"]);
});

for (const shared of [false, true]) {
  const where = shared ? "that is joined" : "of its own";

  test(`a volume below a closed directory is mounted in a user namespace ${where}`, async () => {
    await using pod = await running(sandbox);
    const change = shared ? joining(pod.pid) : sandbox;
    await using closed = new TempDir();
    const { path } = closed;
    await Deno.mkdir(`${path}/volume`);
    await Deno.writeTextFile(`${path}/volume/file`, "kept\n");
    await Deno.chmod(path, 0o700);
    await using bundle = await Bundle.make(
      ["sh", "-c", "cat /mnt/file; touch /mnt/file"],
      (config) => {
        change(config);
        config.mounts.push({
          ...{ destination: "/mnt", type: "bind", source: `${path}/volume` },
          options: ["rbind", "ro"],
        });
      },
    );
    await Deno.mkdir(`${bundle.dir.path}/rootfs/mnt`, { recursive: true });
    assertEquals(
      await runs(bundle),
      "kept\ntouch: /mnt/file: Read-only file system\n",
    );
  });
}
