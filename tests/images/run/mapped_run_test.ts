/** Containers of images in a user namespace, as root. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { COMPILED, test, without } from "../../_harness.ts";
import { does, ImageBox } from "../_image_store.ts";

const skip = without("umoci") ?? without("busybox") ??
  // Root of the user namespace cannot read the sources of root.
  (COMPILED ? null : "needs the compiled program");

const IMAGE = `
umoci init --layout store
umoci new --image store:app
umoci unpack --image store:app one >/dev/null
cd one/rootfs
mkdir -p bin data secret
cp "$(command -v busybox)" bin/busybox
for name in sh cat chmod chown echo ls mkdir rm stat; do ln -s busybox bin/$name; done
echo data >data/file
echo gone >data/gone
chown -R 7:8 data secret
chmod 700 secret
cd ../..
umoci repack --image store:app one
rm -rf one
umoci unpack --image store:app two >/dev/null
echo second >two/rootfs/data/second
umoci repack --image store:app two
umoci config --image store:app --config.env PATH=/bin
rm -rf two
`;

/** Far above the IDs that anything uses. */
const MAP = (first: number) => [
  ...["--uidmap", `0:${first}:65536`, "--gidmap", `0:${first}:65536`],
];

const CHANGE =
  "rm /data/gone; mkdir /mine; echo x >/mine/x; chown -R 5:6 /mine; chmod 700 /mine";
const SHOW =
  "ls /data; stat -c %u:%g:%a /data/file /data/second /secret /mine /; cat /mine/x /proc/self/uid_map";
const SHOWN =
  /^file\nsecond\n7:8:644\n0:0:644\n7:8:700\n5:6:700\n0:0:755\nx\n +0 +(\d+) +65536\n$/;

test("a user namespace of root sees the owners of the image", async () => {
  await using box = new ImageBox();
  await does(["sh", "-ec", IMAGE], { cwd: box.dir.path });
  const state = ["--root", `${box.dir.path}/state`];
  const run = (...args: string[]) => box.does(...state, "run", "-q", ...args);
  for (const first of [1_000_000_000, 1_100_000_000]) {
    for (const flags of [[], ["--no-init"], ["--ephemeral"]]) {
      const shown = await run(
        ...[...MAP(first), ...flags, "app", "sh", "-c"],
        `${CHANGE}; ${SHOW}`,
      );
      assertEquals(SHOWN.exec(shown)?.[1], String(first), shown);
    }
  }
  // The changes have the same owners on the disk as the layers.
  await run(
    ...["--name", "one", ...MAP(1_000_000_000)],
    "app",
    "sh",
    "-c",
    CHANGE,
  );
  const listed = await does([
    ...["find", `${box.store}/containers`, "-path", "*/upper/mine*"],
    ...["-printf", "%f %U:%G %m\n"],
  ]);
  assertEquals(listed, "mine 5:6 700\nx 5:6 644\n");
  await box.does(...state, "rm", "one");
  assertEquals(
    (await does(["ls", `${box.store}/containers`])).trim(),
    "",
  );
  // Files that are copied have the owners that they have inside.
  const up = [...MAP(1_000_000_000), "--network", "none", "app", "sh", "-c"];
  await run("-d", "--name", "up", ...up, "while :; do read x </dev/zero; done");
  const file = `${box.dir.path}/file`;
  await Deno.writeTextFile(file, "from the host\n");
  await box.does(...state, "cp", file, "up:/data/copy");
  assertEquals(
    await box.does(
      ...[...state, "exec", "up", "sh", "-c"],
      "stat -c %u:%g /data/copy; cat /data/copy; chown 3:4 /data/copy",
    ),
    "0:0\nfrom the host\n",
  );
  await box.does(...state, "cp", "-a", "up:/data/copy", `${file}2`);
  const { uid, gid } = await Deno.stat(`${file}2`);
  assertEquals([uid, gid], [3, 4]);
  await box.does(...state, "rm", "-f", "up");
  const own = await run("app", "sh", "-c", "cat /proc/self/uid_map");
  assertMatch(own, /^ +0 +0 +4294967295\n$/);
}, { skip });
