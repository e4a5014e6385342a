/** The files of containers that an ordinary user runs. */

// @ts-types="../../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../_harness.ts";
import { NO_USERS, UserBox } from "../_user_box.ts";
import { lines, listed, rootFilesystem } from "./_container_box.ts";

const CHANGE =
  "rm /data/gone; mkdir /mine; echo x >/mine/x; chown -R 5:6 /mine; chmod 700 /mine";

test("a user copies, compares, commits, exports and imports", async () => {
  await using box = await UserBox.make();
  const { path } = box.dir;
  await Deno.writeFile(`${path}/root.tar`, await rootFilesystem());
  await box.does(
    ...["import", "-c", 'CMD ["sh"]', "-c", "ENV PATH=/bin"],
    ...[`${path}/root.tar`, "base:1"],
  );
  await box.does("run", "--name", "one", "base:1", "sh", "-ec", CHANGE);
  assertEquals(
    lines(await box.does("diff", "one")),
    ["C /data", "D /data/gone", "A /mine", "A /mine/x"],
  );
  await box.does("commit", "one", "app:2");
  const two = async () =>
    (await listed((await box.call("export", "two")).bytes)).filter((line) =>
      / (data|mine)/.test(line)
    );
  await box.does("run", "--name", "two", "app:2", "sh", "-c", "ls -l /mine");
  const wanted = [
    "drwxr-xr-x 7/8 data/",
    "-rw-r----- 7/8 3 data/old",
    "drwx------ 5/6 mine/",
    "-rw-r--r-- 5/6 2 mine/x",
  ];
  assertEquals(await two(), wanted);
  // Outside the files are the user's, inside root's.
  await box.does("cp", "two:/mine", `${path}/mine`);
  const { uid } = await Deno.stat(`${path}/mine/x`);
  assertEquals(uid, box.owner.uid);
  await box.does("cp", `${path}/mine/x`, "two:/data/y");
  assertEquals(await two(), [
    ...wanted.slice(0, 2),
    "-rw-r--r-- 0/0 2 data/y",
    ...wanted.slice(2),
  ]);
  await box.does(
    ...["run", "-d", "--name", "up", "--tmpfs", "/mnt", "app:2"],
    ...["sleep", "1000"],
  );
  const { bytes } = await box.call("cp", "up:/mine", "-");
  assertEquals(await listed(bytes), wanted.slice(2));
  // Into one that runs, also into its mounts, with the owners inside.
  await box.does("cp", `${path}/mine/x`, "up:/data/y");
  await box.does("cp", `${path}/mine/x`, "up:/mnt/");
  await box.does("cp", "up:/mnt/x", `${path}/z`);
  assertEquals((await Deno.stat(`${path}/z`)).uid, box.owner.uid);
  assertEquals(
    await box.does("exec", "up", "stat", "-c", "%u:%g %n", "/data/y", "/mnt/x"),
    "0:0 /data/y\n0:0 /mnt/x\n",
  );
  assertMatch(await box.does("commit", "up", "app:3"), /^sha256:/);
  assert((await box.does("images")).includes("app"));
  await box.does("rm", "-f", "one", "two", "up");
}, { skip: NO_USERS });
