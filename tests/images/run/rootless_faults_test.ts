/** What goes wrong for a user with images, and what is said. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, test, until } from "../../_harness.ts";
import { does } from "../_image_store.ts";
import { Proxy } from "../_registry.ts";
import { NO_USERS } from "../_user_box.ts";
import { Stage } from "./_user_stage.ts";

const skip = NO_USERS;

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
  const pruned = await box.as(box.words("image", "prune", "-af"), more);
  assertEquals([pruned.status, pruned.stderr], [0, ""]);
  assertEquals(box.left(), [0, 0, 0]);
}, { skip });

test("a file system that cannot keep the store is named", async () => {
  await using stage = await Stage.make();
  const { box, name } = stage;
  const { store } = box;
  const mounts = [
    [/setxattr: .*EOPNOTSUPP.*extended attributes/, "mount -t ramfs none"],
    [
      /EINVAL.*because it is an overlay itself/,
      "mkdir -p /mnt/a/l /mnt/a/u /mnt/a/w; mount -t overlay none -o lowerdir=/mnt/a/l,upperdir=/mnt/a/u,workdir=/mnt/a/w",
    ],
  ] as const;
  for (const [said, mount] of mounts) {
    const script =
      `mount -t tmpfs none /mnt; mkdir -p ${store}; ${mount} ${store}; chown ${box.owner.uid} ${store}`;
    const { status, stdout, stderr } = await box.as(
      box.words("run", "-q", name, "id"),
      script,
    );
    assertEquals([status, stdout], [125, ""], stderr);
    assertMatch(stderr, said);
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  }
}, { skip });

test(
  "a kill of a user's pull ends its process inside, and leaves no garbage",
  async () => {
    await using stage = await Stage.make();
    const { box, registry } = stage;
    await using proxy = new Proxy(registry.host);
    const waits = Promise.withResolvers<Response>();
    proxy.fault = (_, { pathname }) =>
      pathname.includes("/blobs/") ? waits.promise : null;
    const name = `${proxy.host}/app:1`;
    const [program, ...args] = [
      ...box.owner.before,
      ...[
        "sh",
        "-c",
        'echo $$ >pid; exec "$@"',
        "sh",
        ...box.words("pull", name),
      ],
    ];
    const child = new Deno.Command(program!, {
      args,
      cwd: box.dir.path,
      env: { ...box.owner.env, ...box.env },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(
      "a layer is asked for",
      () =>
        Promise.resolve(proxy.seen.some((line) => line.includes("/blobs/"))),
    );
    await does(["sh", "-c", 'kill -9 "$(cat pid)"'], { cwd: box.dir.path });
    await child.status;
    waits.resolve(new Response(null, { status: 500 }));
    await until("the process inside has ended", async () => {
      const user = String(box.owner.uid);
      const { stdout } = await execute(["ps", "-u", user, "-o", "stat="]);
      return stdout.split("\n").every((state) => /^(Z|$)/.test(state));
    });
    await box.does("image", "prune", "-f");
    assertEquals(box.left(), [0, 0, 0]);
  },
  { skip },
);
