/** Stores on disks that are full, read-only or of an unfit kind. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { container, TempDir, test, without } from "../_harness.ts";
import { does, ImageBox, SampleImage } from "./_image_store.ts";
import { NO_REGISTRY, Registry } from "./_registry.ts";

const skip = NO_REGISTRY ?? without("umoci") ?? without("mkfs.ext4");

/** A file system that is mounted here. */
class Disk implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly path = `${this.dir.path}/disk`;

  static async make(...mount: string[]): Promise<Disk> {
    const disk = new Disk();
    await Deno.mkdir(disk.path);
    await does(["mount", ...mount, disk.path]);
    await does(["chmod", "700", disk.path]);
    return disk;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await does(["umount", this.path]);
    await this.dir[Symbol.asyncDispose]();
  }
}

/** Writes until nothing more fits. */
const fill = (path: string) =>
  does([
    ...["sh", "-c"],
    `for size in 1M 4k 1; do
      for at in 1 2 3 4; do
        dd if=/dev/zero of="$0/fill-$size-$at" bs=$size status=none 2>/dev/null
      done
    done
    ! echo x >"$0/more" 2>/dev/null`,
    path,
  ]);

test("a full disk can be emptied with rmi and prune", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/app:1`;
  await sample.put(name);
  const image = `${box.dir.path}/disk.img`;
  await Deno.writeFile(image, new Uint8Array());
  await Deno.truncate(image, 16 << 20);
  await does(["mkfs.ext4", "-q", "-m", "0", image]);
  await using disk = await Disk.make("-o", "loop", image);
  const store = `${disk.path}/store`;
  const call = (...words: string[]) =>
    container(["--store", store, ...words], { env: box.env });
  for (const words of [["rmi", name], ["image", "prune", "--all", "-f"]]) {
    assertEquals((await call("pull", "-q", name)).status, 0);
    await fill(disk.path);
    const failed = await call("pull", "-q", `${name}@sha256:${"0".repeat(64)}`);
    assertEquals([failed.status, failed.stdout], [125, ""]);
    const { status, stderr } = await call(...words);
    assertEquals([status, stderr], [0, ""], words.join(" "));
    for (const place of ["blobs/sha256", "layers", "work"]) {
      assertEquals(
        await Array.fromAsync(Deno.readDir(`${store}/${place}`)),
        [],
        place,
      );
    }
    await does(["sh", "-c", `rm "$0"/fill* "$0"/more`, disk.path]);
  }
}, { skip });

test(
  "a store that cannot be written, or is on an overlay, is named",
  async () => {
    await using registry = await Registry.start();
    await using sample = await SampleImage.make();
    await using box = new ImageBox();
    const name = `${registry.host}/app:1`;
    await sample.put(name);
    await box.does("pull", "-q", name);
    await does(["mount", "--bind", box.store, box.store]);
    try {
      await does(["mount", "-o", "remount,bind,ro", box.store]);
      assertMatch(await box.does("images"), /app/);
      // One request, and nothing to write.
      assertEquals(await box.does("pull", "-q", name), `${name}\n`);
      for (
        const words of [["rmi", name], ["image", "prune", "-f"], [
          "tag",
          name,
          "x",
        ]]
      ) {
        assertMatch(
          await box.fails(...words),
          /read-only file system\. Name a directory that you can write to/,
        );
      }
      assertMatch(
        await box.fails("run", "-q", name, "true"),
        /read-only file system\. Name a directory that you can write to/,
      );
    } finally {
      await does(["umount", box.store]);
    }
    for (const part of ["lower", "upper", "work"]) {
      await Deno.mkdir(`${box.dir.path}/${part}`);
    }
    const at = (part: string) => `${box.dir.path}/${part}`;
    await using disk = await Disk.make(
      ...["-t", "overlay", "-o"],
      `lowerdir=${at("lower")},upperdir=${at("upper")},workdir=${at("work")}`,
      "overlay",
    );
    const call = (...words: string[]) =>
      container(["--store", `${disk.path}/store`, ...words], { env: box.env });
    // The second layer deletes files, for which an overlay makes no marks.
    const pulled = await call("pull", "-q", name);
    assertEquals([pulled.status, pulled.stdout], [125, ""]);
    assertMatch(
      pulled.stderr,
      /cannot keep deletions \(EPERM\)\..*and not on an overlay\. See --store\.\n$/,
    );
    const plain = `${registry.host}/plain:1`;
    await sample.put(plain, { tag: "plain" });
    assertEquals((await call("pull", "-q", plain)).status, 0);
    const { status, stderr } = await call("run", "-q", plain, "true");
    assertEquals(status, 125);
    assertMatch(
      stderr,
      /because it is an overlay itself;.*\(--store\)\.\n$/,
    );
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  },
  { skip },
);
