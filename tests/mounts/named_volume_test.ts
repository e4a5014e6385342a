/** Volumes with a directory, or an image file, as the root filesystem. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { container, copyRootfs, TempDir, test } from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

/** A root filesystem, and a store that does not exist yet. */
class Place implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly store = `${this.dir.path}/store`;
  rootfs = "";

  static async make(): Promise<Place> {
    const place = new Place();
    place.rootfs = await copyRootfs(place.dir.path);
    await Deno.mkdir(`${place.rootfs}/srv`, { recursive: true });
    await Deno.writeTextFile(`${place.rootfs}/srv/file`, "content\n");
    return place;
  }

  call(...args: string[]) {
    return container([
      ...["--store", this.store, "--root", `${this.dir.path}/state`],
      ...args,
    ], { cwd: this.dir.path });
  }

  async out(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...args);
    assertEquals([status, stderr], [0, ""], args.join(" "));
    return stdout;
  }

  run(...args: string[]): Promise<string> {
    return this.out("run", "-q", "--rootfs", this.rootfs, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }
}

test("a container of a directory has volumes too", async () => {
  await using place = await Place.make();
  const cat = ["cat", "/srv/file"];
  assertEquals(await place.run("-v", "data:/srv", ...cat), "content\n");
  await Deno.writeTextFile(
    `${place.store}/volumes/data/_data/file`,
    "changed\n",
  );
  assertEquals(await place.run("-v", "data:/srv", ...cat), "changed\n");
  assertEquals(await place.run("-v", "/srv", ...cat), "content\n");
  const empty = [
    ...["run", "-q", "--rootfs", "empty", "-v", "data:/tmp", "-v", "new:/new"],
    ...["--ro-bind", `${place.rootfs}/bin:/bin`, "/bin/cat", "/tmp/file"],
  ];
  assertEquals(await place.out(...empty), "changed\n");
  await place.run("--name", "one", "-v", "data:/srv", "true");
  const { status, stderr } = await place.call("volume", "rm", "data");
  assertEquals(status, 125);
  assertMatch(stderr, /a container uses it: one /);
  await place.out("rm", "one");
  assertEquals(
    await place.out("volume", "rm", "data", "new"),
    "data\nnew\n",
  );
  assertEquals(await place.out("volume", "ls", "-q"), "");
  assertEquals(
    await Array.fromAsync(Deno.readDir(`${place.store}/containers`)),
    [],
  );
});

test("a word that a directory has is no volume, and says both ways", async () => {
  await using place = await Place.make();
  await Deno.mkdir(`${place.dir.path}/here`);
  assertRefused(
    await place.call(
      ...["run", "-q", "--rootfs", place.rootfs, "-v", "here:/srv", "true"],
    ),
    125,
    /here could be a volume, or the here in this directory\. Use \.\/here for that, and --mount type=volume,source=here,target=PATH for a volume/,
  );
  assertEquals(await place.run("-v", "./here:/srv", "ls", "/srv"), "");
  const mount = "type=volume,source=here,target=/srv";
  assertEquals(await place.run("--mount", mount, "ls", "/srv"), "file\n");
});
