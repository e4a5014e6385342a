/** The store of a user: unpacked and removed in the user's own namespace. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../_harness.ts";
import { does, SampleImage } from "./_image_store.ts";
import { Registry } from "./_registry.ts";
import { NO_USERS, UserBox } from "./_user_box.ts";

const skip = NO_USERS;

/** The owners of the files of a name in all layers of a store. */
const ownersOf = async (box: UserBox, name: string) =>
  (await does([
    ...["find", `${box.store}/layers`, "-path", `*/diff/${name}`],
    ...["-printf", "%U:%G\n"],
  ])).trim().split("\n").sort();

test("a user's layers keep their owners, and go again", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = await UserBox.make();
  const name = `${registry.host}/app:1`;
  await sample.put(name);
  await box.does("pull", name);
  assertEquals(await ownersOf(box, "etc/file"), [
    "1000000011:1000000033",
    "1000000011:1000000033",
  ]);
  assertEquals(await ownersOf(box, "bin/large"), ["64242:64242"]);
  assertMatch(await box.does("images"), /app +1 /);
  assertMatch(await box.does("system", "df"), /^Images +1 /m);
  await box.does("tag", name, "other:2");
  await box.does("rmi", name);
  assertEquals(
    (await box.does("unshare", "stat", "-c", "%u", box.store)).trim(),
    "0",
  );
  await box.does("image", "prune", "-f", "-a");
  assertEquals(box.left(), [0, 0, 0]);
}, { skip });

test("unshare runs a command as root of the user's namespace", async () => {
  await using box = await UserBox.make();
  const ids = await box.does("unshare", "cat", "/proc/self/uid_map");
  assertEquals(ids.trim().split(/\s+/), [
    ...["0", "64242", "1"],
    ...["1", "1000000000", "65536"],
  ]);
  const { status } = await box.call("unshare", "sh", "-c", "exit 7");
  assertEquals(status, 7);
  const missing = await box.call("unshare", "nosuch");
  assertEquals(missing.status, 127);
  assertMatch(missing.stderr, /^container: Cannot run nosuch: /);
}, { skip });
