/** Containers of images, of an ordinary user. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { test, until } from "../../_harness.ts";
import type { OwnerName } from "../../_owner.ts";
import { does } from "../_image_store.ts";
import { Registry } from "../_registry.ts";
import { NO_USERS, UserBox } from "../_user_box.ts";

const skip = NO_USERS;

const IMAGE = `
umoci init --layout layout
umoci new --image layout:app
umoci unpack --image layout:app one >/dev/null
cd one/rootfs
mkdir -p bin etc data secret dev
cp "$(command -v busybox)" bin/busybox
for name in sh cat chmod chown echo ls id mkdir mknod sleep stat touch; do ln -s busybox bin/$name; done
echo 'root:x:0:0::/root:/bin/sh
web:x:7:8::/data:/bin/sh' >etc/passwd
echo 'web:x:8:' >etc/group
echo data >data/file
chown -R 7:8 data secret
chmod 700 secret
mknod dev/node c 1 3
cd ../..
umoci repack --image layout:app one
umoci config --image layout:app --config.env PATH=/bin
rm -rf one
`;

/** A registry with the image, and a user. */
class Stage implements AsyncDisposable {
  private constructor(readonly registry: Registry, readonly box: UserBox) {}

  static async make(name?: OwnerName): Promise<Stage> {
    const stage = new Stage(await Registry.start(), await UserBox.make(name));
    const { path } = stage.registry.dir;
    await does(["sh", "-ec", IMAGE], { cwd: path });
    await does([
      ...["skopeo", "copy", "--quiet", "--dest-tls-verify=false"],
      ...[`oci:${path}/layout:app`, `docker://${stage.name}`],
    ]);
    return stage;
  }

  get name(): string {
    return `${this.registry.host}/app:1`;
  }

  run(...args: string[]): Promise<string> {
    return this.box.does("run", "-q", ...args);
  }

  /** The directories of containers, and garbage, in the store. */
  left(): string[] {
    return ["containers", "work"].flatMap((name) => {
      try {
        return [...Deno.readDirSync(`${this.box.store}/${name}`)]
          .map((entry) => entry.name);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.box[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
  }
}

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
  await box.does("rmi", name);
  await box.does("rm", "-f", "one");
  assertEquals(stage.left(), []);
  await box.does("image", "prune");
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

/** Gives the user other subordinate IDs, or takes newuidmap(1) away. */
const WITHOUT_HELPER = "mount --bind /dev/null $(command -v newuidmap)";

test("a store whose IDs have changed is refused with the cure", async () => {
  await using stage = await Stage.make();
  const { box, name } = stage;
  await stage.run(name, "id");
  // The file is empty: the user's line comes after this one.
  const more =
    "mount -t tmpfs none /mnt; echo 'tester:2000000000:10' >/mnt/s; mount --bind /mnt/s /etc/subuid; umount -l /mnt";
  const changed = await box.as(box.words("run", "-q", name, "id"), more);
  assertEquals([changed.status, changed.stdout], [125, ""]);
  assertMatch(changed.stderr, /other IDs than \/etc\/subuid .*prune --all/);
  const without = await box.as(box.words("pull", name), WITHOUT_HELPER);
  assertEquals([without.status, without.stdout], [125, ""]);
  assertMatch(without.stderr, /only one .*Restore the former range \(1000000/);
  const pruned = await box.as(box.words("image", "prune", "-a"), more);
  assertEquals([pruned.status, pruned.stderr], [0, ""]);
  assertEquals(box.left(), [0, 0, 0]);
}, { skip });
