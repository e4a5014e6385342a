/** Volumes: how they are filled, kept and removed. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { test } from "../../_harness.ts";
import { does } from "../_image_store.ts";
import { NO_VOLUMES as skip, VolumeBox } from "./_volume_box.ts";

test(
  "an empty volume is filled from the image, with everything that files have",
  async () => {
    await using box = await VolumeBox.make();
    assertEquals(await box.run("-v", "vol:/data", "plain:latest"), "");
    const stat = await does(
      [
        "stat",
        "-c",
        "%n %a %u:%g %h %F",
        ".",
        "old",
        "link",
        "fifo",
        "sub/hard",
      ],
      { cwd: box.data("vol") },
    );
    assertEquals(
      stat,
      `. 750 7:8 3 directory
old 4751 7:8 2 regular file
link 777 0:0 1 symbolic link
fifo 644 0:0 1 fifo
sub/hard 4751 7:8 2 regular file
`,
    );
    const { mtime } = await Deno.stat(box.data("vol", "/old"));
    assertEquals(mtime?.toISOString(), "2001-02-03T04:05:06.000Z");
    // A volume that has something is not filled, and keeps what it has.
    await box.run("-v", "vol:/vol", "plain", "touch", "/vol/new");
    await Deno.remove(box.data("vol", "/sub"), { recursive: true });
    assertEquals(
      await box.run("-v", "vol:/data:ro", "plain", "ls", "/data"),
      "fifo\nlink\nnew\nold\n",
    );
    const refused = await box.in(
      ...["run", "-q", "-v", "vol:/data:ro", "plain", "touch", "/data/x"],
    );
    assertMatch(refused.stderr, /Read-only file system/);
    // Nor with nocopy, nor from what the image does not have.
    const mount = "type=volume,src=none,dst=/data,volume-nocopy,readonly";
    assertEquals(await box.run("--mount", mount, "plain", "ls", "/data"), "");
    assertEquals(
      await box.run("-v", "more:/new/x", "plain", "ls", "/new"),
      "x\n",
    );
    // Links in the image lead to places inside it.
    assertEquals(
      await box.run("-v", "far:/indirect", "plain", "ls", "/indirect"),
      "fifo\nlink\nold\nsub\n",
    );
    assertEquals(box.names("volumes"), ["far", "more", "none", "vol"]);
    assertEquals([box.names("containers"), box.names("work")], [[], []]);
  },
  { skip },
);

test(
  "anonymous volumes go with --rm and rm -v, and stay otherwise",
  async () => {
    await using box = await VolumeBox.make();
    const ls = ["ls", "/data", "/vol"];
    assertEquals(
      await box.run("app:latest", ...ls),
      "/data:\nfifo\nlink\nold\nsub\n\n/vol:\n",
    );
    assertEquals(box.names("volumes"), []);
    await box.run("--name", "one", "-v", "/mine", "-v", "kept:/data", "app");
    const [anonymous, other] = box.names("volumes")
      .filter((name) => name !== "kept");
    assertMatch(anonymous ?? "", /^[0-9a-f]{64}$/);
    assertMatch(other ?? "", /^[0-9a-f]{64}$/);
    assertEquals(box.names("volumes").length, 3);
    await box.run("--name", "two", "--volumes-from", "one:ro", "app");
    // They are the same volumes, and in use.
    assertEquals(box.names("volumes").length, 3);
    await box.out("rm", "-v", "two");
    assertEquals(box.names("volumes").length, 3);
    await box.out("rm", "one");
    assertEquals(box.names("volumes").length, 3);
    assertMatch(await box.out("volume", "prune", "-f"), /^Deleted Volumes:\n/);
    assertEquals(box.names("volumes"), ["kept"]);
    await box.run("--name", "one", "app");
    await box.out("rm", "-v", "one");
    await box.run("--name", "one", "--rm", "app");
    // A start that fails leaves nothing.
    assertEquals((await box.in("run", "-q", "app", "nosuch")).status, 127);
    assertEquals(
      (await box.in("run", "-q", "--name", "x", "app", "nosuch")).status,
      127,
    );
    assertEquals(box.names("volumes"), ["kept"]);
    assertEquals([box.names("containers"), box.names("work")], [[], []]);
  },
  { skip },
);

test("volume create, ls, inspect and rm speak as docker does", async () => {
  await using box = await VolumeBox.make();
  const { out } = { out: (...args: string[]) => box.out("volume", ...args) };
  assertEquals(await out("create", "--label", "tier=db", "data"), "data\n");
  assertEquals(await out("create", "data"), "data\n");
  const random = (await out("create")).trim();
  assertMatch(random, /^[0-9a-f]{64}$/);
  const list = `DRIVER  VOLUME NAME\nlocal   ${random}\nlocal   data\n`;
  const lines = (await out("ls")).split("\n").sort();
  assertEquals(lines, list.split("\n").sort());
  for (
    const [filter, found] of [
      ["label=tier", true],
      ["label=tier=db", true],
      ["label=tier=x", false],
      ["name=dat", true],
      ["name=x", false],
      ["driver=local", true],
      ["driver=x", false],
      ["dangling=true", true],
      ["dangling=false", false],
    ] as const
  ) {
    const names = (await out("ls", "-q", "-f", filter)).split("\n");
    assertEquals(names.includes("data"), found, filter);
  }
  const [volume] = JSON.parse(await out("inspect", "data"));
  const { CreatedAt, ...rest } = volume;
  assertEquals(Number.isNaN(Date.parse(CreatedAt)), false);
  assertEquals(rest, {
    Driver: "local",
    Labels: { tier: "db" },
    Mountpoint: box.data("data"),
    Name: "data",
    Options: {},
    Scope: "local",
  });
  await box.run("--name", "one", "-v", "data:/d", "plain:latest");
  assertMatch(
    await box.refused("volume", "rm", "data"),
    /Cannot remove the volume data: a container uses it: one \([0-9a-f]{12}\)\. Remove them first/,
  );
  assertMatch(
    JSON.parse(await out("ls", "--format", "json"))
      .find(({ name }: { name: string }) => name === "data").containers[0],
    /^[0-9a-f]{64}$/,
  );
  assertEquals(
    await out("prune", "-a", "-f", "--filter", "label!=x"),
    [
      ...["Deleted Volumes:", random, "", "Total reclaimed space: 12KiB", ""],
    ].join("\n"),
  );
  await box.out("rm", "one");
  assertEquals(await out("rm", "data"), "data\n");
  assertEquals(await out("rm", "-f", "data"), "data\n");
  assertMatch(await box.refused("volume", "rm", "data"), /no volume data/);
  assertMatch(await box.refused("volume", "rm", ".."), /no volume \.\./);
  assertEquals(box.names("volumes"), []);
}, { skip });

test("a volume can show a directory of the host", async () => {
  await using box = await VolumeBox.make();
  const device = `${box.dir.path}/device`;
  const options = (name: string, where = device) => [
    ...["volume", "create", "-o", "type=none", "-o", "o=bind"],
    ...["-o", `device=${where}`, name],
  ];
  await box.out(...options("bound"));
  assertMatch(
    await box.refused("run", "-q", "-v", "bound:/data", "plain:latest"),
    /Cannot use the volume bound: its device .*device is not a directory/,
  );
  await Deno.mkdir(device);
  assertEquals(
    await box.run("-v", "bound:/data", "plain", "ls", "/data"),
    "fifo\nlink\nold\nsub\n",
  );
  assertEquals((await Deno.stat(`${device}/old`)).uid, 7);
  await box.out(...options("bound"));
  assertMatch(
    await box.refused(...options("bound", "/other")),
    /Cannot create the volume bound: it exists with other options/,
  );
  await box.out("volume", "rm", "bound");
  assertEquals((await Deno.stat(`${device}/old`)).uid, 7);
  for (
    const [words, message] of [
      [["-o", "type=tmpfs", "-o", "device=tmpfs"], /type=tmpfs .*run --tmpfs/],
      [["-o", "type=nfs", "-o", "device=:/x"], /type=nfs is not supported/],
      [["-o", "size=1g"], /size= is not supported/],
      [["-o", "x=y"], /the driver local has no option x/],
      [["-o", "o=bind", "-o", "device=x"], /device= is not an absolute path/],
      [["-d", "nfs"], /there is no volume driver nfs/],
      [["a/b"], /Invalid volume name "a\/b"\. .*run -v DIR:PATH/],
      [["a"], /Invalid volume name "a"\. Use two or more letters/],
      [["aa", "bb"], /takes one name/],
    ] as const
  ) {
    assertMatch(await box.refused("volume", "create", ...words), message);
  }
  assertEquals(box.names("volumes"), []);
}, { skip });

test(
  "a volume that a killed start has begun to fill is filled by the next",
  async () => {
    await using box = await VolumeBox.make();
    await box.out("volume", "create", "data");
    await Deno.mkdir(`${box.store}/volumes/data/filling`);
    await Deno.writeTextFile(`${box.store}/volumes/data/filling/half`, "");
    await Deno.mkdir(`${box.store}/volumes/begun`);
    assertEquals(
      await box.run("-v", "data:/data", "plain:latest", "ls", "/data"),
      "fifo\nlink\nold\nsub\n",
    );
    assertEquals(box.names("volumes/data"), ["_data", "lock", "volume.json"]);
    assertEquals(await box.out("volume", "ls", "-q"), "data\n");
    await box.out("volume", "prune", "-f");
    assertEquals(box.names("volumes"), ["data"]);
  },
  { skip },
);

test("explain shows the steps of volumes, and makes none", async () => {
  await using box = await VolumeBox.make();
  // The layers are unpacked by the first run.
  await box.run("plain:latest");
  const words = ["run", "-v", "data:/data", "-v", "/more", "plain"];
  const text = (await box.out("explain", "--about", "mounts", ...words))
    .replace(/\s+/g, " ");
  assertMatch(
    text,
    /use the volume data, made if it is missing and filled from \/data if it is empty/,
  );
  assertMatch(text, /use the volume [0-9a-f]{12},/);
  assertNotMatch(text, /undefined/);
  assertMatch(await box.out("explain", "--strace", ...words), /volume\.json/);
  assertEquals([box.names("volumes"), box.names("containers")], [[], []]);
}, { skip });
