/** Archives and places for a user without root. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../../_harness.ts";
import { NO_USERS, UserBox } from "../_user_box.ts";
import { does } from "../_image_store.ts";
import { archiveOf, madeImage, newDocker } from "./_image_archive.ts";

test("a user loads, saves and runs images of archives", async () => {
  await using box = await UserBox.make();
  const { path } = box.dir;
  const busybox = await Deno.readFile("/bin/busybox");
  const image = madeImage([{
    "bin/": { type: "5" },
    "bin/sh": { data: busybox, mode: 0o755 },
    "owned": { data: "x", uid: 7, gid: 8 },
  }]);
  await Deno.writeFile(
    `${path}/app.tar`,
    archiveOf(newDocker(image, "x.org/app:1")),
  );
  assertEquals(
    await box.does("load", "-q", "-i", `${path}/app.tar`),
    "Loaded image: x.org/app:1\n",
  );
  assertEquals(
    await does([
      ...["find", `${box.store}/layers`, "-name", "owned"],
      ...["-printf", "%U:%G\n"],
    ]),
    "1000000006:1000000007\n",
  );
  await box.does(
    "save",
    "--format",
    "oci-dir",
    "-o",
    `${path}/dir`,
    "x.org/app",
  );
  await box.does("rmi", "x.org/app:1");
  const place = `oci:${path}/dir:x.org/app:1`;
  assertEquals(
    await box.does("run", "-q", place, "sh", "-c", "echo $((6 * 7))"),
    "42\n",
  );
  assertMatch(await box.does("pull", place), /Image is up to date for x\.org/);
}, { skip: NO_USERS });
