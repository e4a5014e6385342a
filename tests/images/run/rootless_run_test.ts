/** Containers of images, of an ordinary user. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { test, until } from "../../_harness.ts";
import { NO_USERS } from "../_user_box.ts";
import { Stage } from "./_user_stage.ts";

const skip = NO_USERS;

/** Makes a directory that only another ID can enter. */
const CLOSED = "mkdir -p /p/q; touch /p/q/x; chown -R 5:5 /p; chmod 700 /p";

test("a user runs an image, with all IDs and changes of its own", async () => {
  await using stage = await Stage.make();
  const { name } = stage;
  const script = "stat -c %u:%g /data/file /secret; touch /data/new; ls /data";
  for (let time = 0; time < 2; time++) {
    assertEquals(
      await stage.run(name, "sh", "-c", script),
      "7:8\n7:8\nfile\nnew\n",
    );
  }
  assertMatch(await stage.run("-u", "web", name, "id"), /^uid=7\(web\)/);
  assertEquals(await stage.run(name, "sh", "-c", CLOSED), "");
  assertEquals(stage.left(), []);
  const { stderr, status } = await stage.box.call(
    ...["run", "-q", "--uidmap", "0:64242:1", "--gidmap", "0:64242:1"],
    ...[name, "id"],
  );
  assertEquals(status, 125);
  assertMatch(stderr, /with these IDs: its layers belong to all IDs/);
}, { skip });

test("a user's named container keeps its changes until rm", async () => {
  await using stage = await Stage.make();
  const { box, name } = stage;
  await stage.run(
    ...["-d", "--name", "one", "--stop-timeout", "0", name, "sh", "-c"],
    `${CLOSED}; exec sleep 1000`,
  );
  await until("the directory is there", async () => {
    const { status } = await box.call("exec", "one", "stat", "/p/q/x");
    return status === 0;
  });
  await box.does("stop", "one");
  await box.does("start", "one");
  assertEquals(
    await box.does("exec", "one", "stat", "-c", "%u", "/p/q/x"),
    "5\n",
  );
  await box.does("rmi", "-f", name);
  await box.does("rm", "-f", "one");
  assertEquals(stage.left(), []);
  await box.does("image", "prune", "-f");
  assertEquals(box.left(), [0, 0, 0]);
}, { skip });

test(
  "what a killed run of a user has left is removed by the next",
  async () => {
    await using stage = await Stage.make();
    const { box, name } = stage;
    const script = `${CLOSED}; echo made; exec sleep 1000`;
    // The shell waits for the line, and kills the command that wrote it.
    await box.as([
      ...["sh", "-c", '"$@" | { read line; kill -9 "$(cat pid)"; }', "sh"],
      ...["sh", "-c", 'echo $$ >pid; exec "$@"', "sh"],
      ...box.words("run", "-q", name, "sh", "-c", script),
    ]);
    assertEquals(stage.left().length, 1);
    await stage.run(name, "id");
    assertEquals(stage.left(), []);
  },
  { skip },
);

test("a user with one ID is told what is lost", async () => {
  await using stage = await Stage.make("user");
  const { box, name } = stage;
  const { status, stdout, stderr } = await box.call(
    ...["run", name, "stat", "-c", "%u:%g", "/data/file"],
  );
  assertEquals([status, stdout], [0, "0:0\n"], stderr);
  assertMatch(stderr, /warning: 3 files of \S+ belong to root instead of/);
  assertMatch(stderr, /only your own user ID is mapped/);
}, { skip });
