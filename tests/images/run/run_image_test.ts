/** Containers of images, in a store that umoci has written. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, test, until } from "../../_harness.ts";
import { does, ImageBox } from "../_image_store.ts";
import { NO_REGISTRY, Registry } from "../_registry.ts";
import { NO_BOX as skip, RunBox as Box } from "./_run_box.ts";

test(
  "run starts an image as its configuration says, and flags win",
  async () => {
    await using box = await Box.make();
    assertEquals(await box.run("app:latest"), "entry cmd\n");
    assertEquals(await box.run("app", "a", "b"), "entry a b\n");
    assertEquals(await box.run("--image", "app", "a"), "entry a\n");
    const sh = (...args: string[]) => box.run("--entrypoint", "sh", ...args);
    assertEquals(
      await sh("app", "-c", "echo $COLOUR; pwd; id -u; id -g; echo $HOME"),
      "red\n/made/here\n7\n8\n/data\n",
    );
    assertEquals(
      await sh(
        ...["-e", "COLOUR=blue", "-w", "/work", "-u", "0", "app", "-c"],
        "echo $COLOUR; pwd; id -u",
      ),
      "blue\n/work\n0\n",
    );
    assertEquals(
      await box.run(
        "plain:latest",
        "sh",
        "-c",
        "cat /data/* && stat -c %u:%g /data/old",
      ),
      "new\nold\n7:8\n",
    );
    assertMatch(await box.run("plain"), /^uid=0\(root\)/);
    assertEquals(
      await box.run("--entrypoint", "", "app", "/bin/echo", "x"),
      "x\n",
    );
    const names = await box.run(
      ...["--hostname", "box", "plain", "sh", "-c"],
      "cat /etc/hostname; cat /etc/hosts",
    );
    assertMatch(
      names,
      /^box\n127\.0\.0\.1\tlocalhost\n[^]*\tbox [0-9a-f]{12}\n$/,
    );
    assertEquals(box.changes(), []);
  },
  { skip },
);

test("each container of an image has changes of its own", async () => {
  await using box = await Box.make();
  const script = "ls /data; echo x >/data/mine; rm /data/old; ls /data";
  for (const flags of [[], [], ["--ephemeral"], ["--read-only=false"]]) {
    assertEquals(
      await box.run(...flags, "plain", "sh", "-c", script),
      "new\nold\nmine\nnew\n",
    );
  }
  const { status, stderr } = await box.in(
    ...["run", "-q", "--read-only", "plain", "sh", "-c", "echo x >/data/x"],
  );
  assertEquals(status, 1);
  assertMatch(stderr, /Read-only file system/);
  assertEquals(box.changes(), []);
}, { skip });

test(
  "a named container keeps its changes until rm, and its image's layers",
  async () => {
    await using box = await Box.make();
    const id = (await box.out(
      ...[
        "run",
        "-d",
        "--name",
        "one",
        "--stop-timeout",
        "1",
        "plain",
        "sh",
        "-c",
      ],
      "echo x >>/data/count; exec sleep 1000",
    )).trim();
    assertEquals(await box.out("exec", "one", "cat", "/data/count"), "x\n");
    await box.out("stop", "-t", "0", "one");
    await box.out("start", "one");
    await until(
      "the second start has written",
      async () =>
        await box.out("exec", "one", "cat", "/data/count") === "x\nx\n",
    );
    assertEquals(box.changes(), [id]);
    assertEquals(await box.run("plain", "ls", "/data"), "new\nold\n");
    // Its layers stay, whatever happens to the image.
    await box.does("rmi", "-f", "plain", "app");
    await box.does("image", "prune", "-a", "-f");
    await box.out("stop", "-t", "0", "one");
    await box.out("start", "one");
    assertEquals(
      await box.out("exec", "one", "cat", "/data/new"),
      "new\n",
    );
    await box.out("rm", "-f", "one");
    assertEquals(box.changes(), []);
    await box.does("image", "prune", "-f");
    assertEquals(box.left(), [0, 0, 0]);
  },
  { skip },
);

test(
  "the labels and the stop signal of an image belong to its containers",
  async () => {
    await using box = await Box.make();
    assertEquals(
      await box.out("run", "-q", "--name", "two", "app", "x"),
      "entry x\n",
    );
    assertMatch(
      await box.out("ps", "-a", "--filter", "label=tier=test"),
      /two/,
    );
    const [id] = box.changes();
    assertMatch(id ?? "", /^[0-9a-f]{64}$/);
    await box.out("rm", "two");
    assertEquals(box.changes(), []);
  },
  { skip },
);

test("explain run IMAGE prints the overlay and changes nothing", async () => {
  await using box = await Box.make();
  await box.run("plain");
  const outline = await box.does("explain", "run", "plain");
  assertMatch(outline, /The image's layers become \//);
  const steps = await box.does("explain", "--all", "run", "plain");
  assertMatch(steps, /lowerdir\+|overlay file system/);
  assertMatch(steps, /remove it with everything in it/);
  assertMatch(
    await box.does("explain", "--strace", "run", "plain"),
    /fsconfig\(.*"lowerdir\+", ".*\/layers\/[0-9a-f]{64}\/diff"/,
  );
  assertEquals(box.changes(), []);
}, { skip });

test(
  "a missing image gives one clear line, and a typing error fetches nothing",
  async () => {
    await using box = await Box.make();
    const fails = async (...args: string[]) => {
      const { status, stderr } = await box.in("run", "-q", ...args);
      assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
      return [status, stderr] as const;
    };
    const refused = async (pattern: RegExp, ...args: string[]) => {
      const [status, stderr] = await fails(...args);
      assertEquals(status, 125, stderr);
      assertMatch(stderr, pattern);
    };
    await refused(
      /There is no image nosuch:1 here/,
      "--pull",
      "never",
      "nosuch:1",
    );
    await refused(/localhost:1/, "localhost:1/no/such");
    await refused(/--pull now: not one of/, "--pull", "now", "app");
    await refused(/Cannot read the images of oci:store/, "oci:store:app");
    await refused(/--pull: .*is a command/, "--pull", "always", "/bin/sh");
    await refused(
      /--overlay: .*of its own/,
      "--overlay",
      "/nosuch",
      "plain:latest",
    );
    await refused(/it has no layers/, "empty", "sh");
    await refused(
      /in a user namespace: the IDs/,
      ...["--userns", "path:/proc/self/ns/user", "plain"],
    );
    const [status, stderr] = await fails("nosuch");
    assertEquals(status, 127);
    assertMatch(stderr, /container run nosuch:latest. fetches it/);
    const [missing, why] = await fails("plain", "nosuch");
    assertEquals(missing, 127);
    assertMatch(why, /Cannot run nosuch: not found in/);
    const [refusal, reason] = await fails("plain", "/data/new");
    assertEquals(refusal, 126);
    assertMatch(reason, /it is not executable/);
    assertEquals(box.changes(), []);
  },
  { skip },
);

test("a killed run leaves nothing after the next one", async () => {
  await using box = await Box.make();
  await box.run("plain");
  const words = box.words("run", "-q", "plain", "sh", "-c", "echo; sleep 1000");
  const child = new Deno.Command(words[0]!, {
    args: words.slice(1),
    env: box.env,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  assertEquals(box.changes().length, 1);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  assertMatch(await box.run("plain"), /uid=0/);
  assertEquals(box.changes(), []);
}, { skip });

test("a user does not run the images of root's store", async () => {
  await using box = await Box.make();
  const user = ["setpriv", "--reuid=65534", "--clear-groups", "--regid=65534"];
  await execute(["chmod", "-R", "a+rX", box.store]);
  for (const unpack of [false, true]) {
    if (unpack) await box.run("plain");
    const { status, stderr } = await execute(
      [...user, ...box.words("run", "-q", "plain:latest")],
      { env: { HOME: box.home } },
    );
    assertEquals(status, 125, stderr);
    assertMatch(stderr, /Cannot run the image \S+ from .*: it is not yours/);
  }
}, { skip });

test("run fetches an image that is missing, and --pull says when", async () => {
  await using box = await Box.make();
  await using other = new ImageBox();
  const cat = ["sh", "-c", "cat /data/new"];
  const words = (name: string, ...flags: string[]) => [
    ...["run", "-q", ...flags, name, ...cat],
  ];
  let name: string;
  {
    await using registry = await Registry.start();
    name = `${registry.host}/team/app:1`;
    await does([
      ...["skopeo", "copy", "--quiet", "--dest-tls-verify=false"],
      ...[`oci:${box.store}:plain`, `docker://${name}`],
    ]);
    assertMatch(
      await other.fails(...words(name, "--pull", "never")),
      /There is no image/,
    );
    for (
      const line of [
        words(name),
        words(name, "--pull", "always"),
        ["run", "-q", "--image", name, ...cat],
      ]
    ) assertEquals(await other.does(...line), "new\n");
  }
  assertEquals(await other.does(...words(name)), "new\n");
  assertEquals(await other.does(...words(name, "--pull", "newer")), "new\n");
  await other.fails(...words(name, "--pull", "always"));
}, { skip: skip ?? NO_REGISTRY });

test("run reads an image from the place that a transport names", async () => {
  await using box = await Box.make();
  await using other = new ImageBox();
  const file = `${other.dir.path}/app.tar`;
  await box.does("save", "-o", file, "app");
  const run = (...words: string[]) => other.does("run", "-q", ...words);
  assertEquals(
    await run(`oci:${box.store}:plain`, "sh", "-c", "cat /data/new"),
    "new\n",
  );
  assertEquals(await run(`docker-archive:${file}`, "a"), "entry a\n");
  assertEquals(await run("--image", `docker-archive:${file}`), "entry cmd\n");
  assertEquals(await run("--pull=never", "app", "b"), "entry b\n");
  for (
    const [words, message] of [
      [["run", `oci:${box.store}:nosuch`], /There is no image nosuch in oci:/],
      [["run", "docker-archive:/nosuch"], /no such file or directory/],
      [["run", "containers-storage:x"], /the store of podman is not supported/],
      [
        ["explain", "run", `oci:${box.store}:plain`],
        /it is not in the store yet/,
      ],
    ] as const
  ) assertMatch(await other.fails(...words), message);
}, { skip });
