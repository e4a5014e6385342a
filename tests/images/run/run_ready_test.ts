/** What is known of images before they run: the record of a run, and explain. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../../_harness.ts";
import { NO_BOX as skip, RunBox as Box } from "./_run_box.ts";

test(
  "explain run IMAGE shows what is missing, and fetches nothing",
  async () => {
    await using box = await Box.make();
    const left = box.left();
    // Lines are wrapped.
    const outlined = async (...words: string[]) =>
      (await box.does("explain", "run", ...words)).replace(/\s+/g, " ");
    assertMatch(
      await outlined("plain:latest"),
      /2 of its 2 layers must first be fetched, as `container pull plain:latest`/,
    );
    assertMatch(
      await outlined("--all", "plain:latest"),
      /2 of its 2 layers of plain:latest, which `container pull` fetches/,
    );
    assertMatch(
      await outlined("x.invalid/a:1", "true"),
      /the image itself must first be fetched/,
    );
    assertMatch(
      await box.fails("explain", "run", "x.invalid/a:1"),
      /it is not here, and may say which command runs/,
    );
    assertMatch(
      await box.fails("explain", "run", "app:latest"),
      /the layers that name its user web are not here/,
    );
    assertEquals(box.left(), left);
  },
  { skip },
);

test("an image for another machine is refused by name", async () => {
  await using box = await Box.make();
  const line = await box.fails("run", "foreign:latest", "id");
  assertMatch(
    line,
    /it is made for linux\/s390x, and this machine is linux\/amd64/,
  );
  assertMatch(line, /--platform.*qemu-user-static/);
  assertEquals(box.changes(), []);
}, { skip: skip ?? (hasHandler() ? "binfmt_misc has handlers" : null) });

/** Whether this machine may run the programs of others. */
function hasHandler(): boolean {
  try {
    return [...Deno.readDirSync("/proc/sys/fs/binfmt_misc")]
      .some(({ name }) => name !== "register" && name !== "status");
  } catch {
    return false;
  }
}

test(
  "a second run reads one file of the image, which can be removed",
  async () => {
    await using box = await Box.make();
    const notes = () =>
      [...Deno.readDirSync(`${box.store}/ready`)].map(({ name }) =>
        `${box.store}/ready/${name}`
      );
    const sees = async () =>
      assertEquals(
        await box.run("--entrypoint", "sh", "app:latest", "-c", "id -u; pwd"),
        "7\n/made/here\n",
      );
    await sees();
    const [note = "", ...more] = notes();
    assertEquals(more, []);
    await sees();
    for (const text of ["", "{", '{"format":0,"image":{}}']) {
      await Deno.writeTextFile(note, text);
      await sees();
    }
    await Deno.remove(note);
    await sees();
    await box.run("plain:latest", "id");
    assertEquals(notes().length, 2);
    await box.does("rmi", "app");
    assertEquals(notes().includes(note), false);
    await box.does("image", "prune", "-a", "-f");
    assertEquals(notes(), []);
  },
  { skip },
);

test("inspect shows the image, its ports and its health check", async () => {
  await using box = await Box.make();
  await box.out("run", "-q", "--name", "one", "plain:latest", "id");
  const [{ Image, Config }] = JSON.parse(await box.out("inspect", "one"));
  const [image] = JSON.parse(await box.does("image", "inspect", "plain"));
  assertEquals(Image, image.Id);
  assertEquals(Config.Image, "plain:latest");
  assertEquals(Config.ExposedPorts, { "80/tcp": {} });
  assertEquals(image.Config.ExposedPorts, { "80/tcp": {} });
  await box.out("rm", "one");
}, { skip });
