/** Images that are mounted in containers: `--mount type=image`. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { COMPILED, test } from "../../_harness.ts";
import { NO_USERS } from "../_user_box.ts";
import { NO_BOX, RunBox } from "./_run_box.ts";
import { Stage } from "./_user_stage.ts";

const MAP = "0:1000000000:65536";
const IMAGE = "type=image,source=app,target=/img";

/** Shows owners, and that nothing can be written. */
const LOOK =
  "stat -c %u:%g /img/data/old; cat /img/data/new; ls /img/data; echo x >/img/data/old || echo refused";
const SEEN = "7:8\nnew\nnew\nold\nrefused\n";

test("--mount type=image shows an image's files, read-only", async () => {
  await using box = await RunBox.make();
  const show = async (...args: string[]) => {
    const { status, stdout, stderr } = await box.in(
      ...["run", "-q", "--mount", IMAGE, ...args],
      ...["plain:latest", "sh", "-c", LOOK],
    );
    assertEquals([status, stdout], [0, SEEN], stderr);
    assertMatch(stderr, /can't create \/img\/data\/old: Read-only file system/);
  };
  for (
    const flags of [
      [],
      ["--no-init"],
      ["--read-only"],
      ...COMPILED ? [["--network=none", "--uidmap", MAP, "--gidmap", MAP]] : [],
    ]
  ) await show(...flags);
  // Parts of it, also by links, which do not lead out.
  const part = (subpath: string, ...more: string[]) =>
    box.run(
      ...["--mount", `type=image,src=app,dst=/part,${subpath}`, ...more],
      ...["plain:latest", "sh", "-c", "ls /part"],
    );
  assertEquals(await part("subpath=data"), "new\nold\n");
  assertEquals(
    await part("image-subpath=/data/../../data/new"),
    "/part\n",
  );
  assertMatch(
    await box.refused(
      "run",
      "-q",
      "--mount",
      `${IMAGE},subpath=no/such`,
      "plain",
    ),
    /Cannot mount no\/such of the image app:latest: there is no such file/,
  );
  // With rw=true, changes are the container's own.
  for (let time = 0; time < 2; time++) {
    assertEquals(
      await box.run(
        ...[
          "--mount",
          `${IMAGE},rw=true`,
          "--mount",
          IMAGE.replace("img", "b"),
        ],
        ...["plain:latest", "sh", "-c"],
        "rm /img/data/new && echo x >/img/data/old; cat /img/data/old; ls /img/data /b/data",
      ),
      "x\n/b/data:\nnew\nold\n\n/img/data:\nold\n",
    );
  }
  assertEquals(box.changes(), []);
}, { skip: NO_BOX });

test("an image that a container mounts cannot be removed", async () => {
  await using box = await RunBox.make();
  const inside = ["exec", "one", "cat", "/img/data/new"];
  await box.run(
    ...["-d", "--name", "one", "--mount", IMAGE, "plain:latest"],
    ...["sleep", "1000"],
  );
  await box.does("tag", "app", "other");
  await box.out("rmi", "app");
  assertMatch(
    await box.refused("rmi", "other"),
    /Cannot remove the image other: a running container uses it: one/,
  );
  await box.out("image", "prune", "-a", "-f");
  assertEquals(await box.out(...inside), "new\n");
  await box.out("stop", "-t", "0", "one");
  assertMatch(await box.refused("rmi", "other"), /a stopped container uses it/);
  // It is the same image after that, although it has no name.
  await box.out("rmi", "-f", "other");
  await box.out("start", "one");
  assertEquals(await box.out(...inside), "new\n");
  const [{ Mounts }] = JSON.parse(await box.out("inspect", "one"));
  assertEquals(
    Mounts.find(({ type }: { type: string }) => type === "image"),
    {
      destination: "/img",
      type: "image",
      source: "app",
      options: ["ro"],
    },
  );
  await box.out("rm", "-f", "one");
  assertEquals(box.changes(), []);
  await box.out("image", "prune", "-a", "-f");
  assertEquals(box.left()[1], 0);
}, { skip: NO_BOX });

test(
  "wrong mounts of images are refused, and explain shows the right ones",
  async () => {
    await using box = await RunBox.make();
    for (
      const [words, message] of [
        ["type=image,dst=/x", /source= is missing\. Name an image/],
        ["type=image,src=app,dst=/x,nope=1", /unknown option nope/],
        ["type=image,src=app,dst=/", /Cannot mount the image app at \//],
        [
          "type=image,src=empty,dst=/x",
          /Cannot mount the image empty: it has no/,
        ],
        [
          "type=image,src=nosuch,dst=/x",
          /There is no image nosuch here/,
        ],
      ] as const
    ) {
      assertMatch(
        await box.refused(
          "run",
          "-q",
          "--pull",
          "never",
          "--mount",
          words,
          "plain",
        ),
        message,
      );
    }
    // An image for another machine can be mounted.
    assertEquals(
      await box.run(
        ...["--mount", "type=image,src=foreign,dst=/f", "plain:latest", "ls"],
        "/f/data",
      ),
      "new\nold\n",
    );
    const explained = await box.out(
      ...["explain", "run", "--mount", IMAGE, "plain:latest", "true"],
    );
    assertMatch(explained, /image/);
    assertEquals(box.changes(), []);
  },
  { skip: NO_BOX },
);

test("a user mounts an image, which is fetched if it is not here", async () => {
  await using stage = await Stage.make();
  const { name } = stage;
  const script =
    "stat -c %u:%g /img/data/file; cat /img/data/file; echo x >/img/new || echo refused";
  const mount = ["--mount", `type=image,src=${name},dst=/img`];
  for (const root of [["--rootfs", "/", "--ephemeral"], [name], [name]]) {
    assertEquals(
      await stage.run(...mount, ...root, "sh", "-c", script),
      "7:8\ndata\nrefused\n",
    );
  }
  assertEquals(
    await stage.run(
      ...["--mount", `type=image,src=${name},dst=/img,rw=1,subpath=data`],
      ...[name, "sh", "-c", "echo x >>/img/file; cat /img/file"],
    ),
    "data\nx\n",
  );
  assertEquals(stage.left(), []);
}, { skip: NO_USERS });
