/** What containers keep in the store, and what prune and df say of it. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, shellLine, test } from "../../_harness.ts";
import { does } from "../_image_store.ts";
import { NO_VOLUMES as skip, VolumeBox } from "./_volume_box.ts";

test("rmi refuses an image that containers use, as docker does", async () => {
  await using box = await VolumeBox.make();
  await box.does("rmi", "app:latest");
  const [{ id }] = JSON.parse(await box.does("images", "--format", "json"));
  const ID = id.slice("sha256:".length, "sha256:".length + 12);
  await box.run("-d", "--name", "one", "plain:latest", "sleep", "1000");
  assertMatch(
    await box.refused("rmi", "plain"),
    /Cannot remove the image plain: a running container uses it: one \([0-9a-f]{12}\)\. /,
  );
  assertMatch(
    await box.refused("rmi", "-f", ID),
    /a running container uses it/,
  );
  // One of several names is no conflict.
  await box.does("tag", "plain", "other");
  assertEquals(await box.out("rmi", "other"), "Untagged: other:latest\n");
  assertEquals(await box.out("rmi", "-f", "plain"), "Untagged: plain:latest\n");
  await box.out("image", "prune", "-a", "-f");
  assertMatch(await box.does("images"), new RegExp(`^<none> .*${ID}`, "m"));
  await box.out("stop", "-t", "0", "one");
  assertMatch(await box.refused("rmi", ID), /a stopped container uses it/);
  assertMatch(await box.out("rmi", "-f", ID), /^Deleted: sha256:/);
  // The container still has what it needs, and its layers go with it.
  await box.out("start", "one");
  assertEquals(await box.out("exec", "one", "cat", "/data/old"), "old\n");
  await box.out("rm", "-f", "one");
  assertEquals(box.names("layers"), []);
}, { skip });

test(
  "system df adds up to what du says, and prune empties the store",
  async () => {
    await using box = await VolumeBox.make();
    await box.run(
      "-d",
      "--name",
      "one",
      "-v",
      "data:/data",
      "app",
      "sleep",
      "1000",
    );
    await box.run("--name", "two", "app", "touch", "/new");
    const rows = JSON.parse(await box.out("system", "df", "--format", "json"));
    const sum = rows.reduce(
      (all: number, { size }: { size: number }) => all + size,
      0,
    );
    assertEquals(
      sum,
      Number((await does(["du", "-s", "-B1", box.store])).split("\t")[0]),
    );
    assertEquals(
      rows.map(({ type, total, active }: Record<string, unknown>) => [
        ...[type, total, active],
      ]),
      [
        ["Images", 2, 1],
        ["Containers", 2, 1],
        ["Local Volumes", 4, 4],
        ["Build Cache", 0, 0],
        ["Store", 1, 1],
      ],
    );
    assertMatch(
      await box.out("system", "df"),
      /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +1 /,
    );
    const details = await box.out("system", "df", "-v");
    assertMatch(details, /^app +latest .* 2$/m);
    assertMatch(details, /^data +1 +20KiB$/m);
    assertMatch(details, /^[0-9a-f]{12} +app:latest +"sleep 1000" +2 /m);
    // Without a terminal and an answer nothing is removed.
    const words = (...args: string[]) =>
      box.words("--root", `${box.dir.path}/state`, ...args);
    for (const group of [["system"], ["image"], ["volume"], []]) {
      const { status, stdout } = await execute(
        ["sh", "-c", `${shellLine(words(...group, "prune"))} </dev/null`],
        { env: box.env },
      );
      assertEquals(status, 0);
      assertMatch(
        stdout,
        /^WARNING! This will remove[^]*continue\? \[y\/N\] $/,
      );
    }
    const { stdout } = await execute([
      "sh",
      "-c",
      `echo y | ${shellLine(words("system", "prune", "-a", "--volumes"))}`,
    ], { env: box.env });
    assertMatch(
      stdout,
      /\[y\/N\] Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Volumes:\n([0-9a-f]{64}\n){2}\nDeleted Images:\nUntagged: plain:latest\nDeleted: .*\n\nTotal reclaimed space: /,
    );
    await box.out("rm", "-f", "one");
    const filtered = ["system", "prune", "-a", "-f", "--filter", "until=1h"];
    assertEquals(await box.out(...filtered), "Total reclaimed space: 0B\n");
    await box.out("system", "prune", "-a", "--volumes", "-f");
    assertEquals(box.names("volumes"), ["data"]);
    assertEquals(
      ["blobs/sha256", "layers", "containers", "work"].map((name) =>
        box.names(name).length
      ),
      [0, 0, 0, 0],
    );
  },
  { skip },
);
