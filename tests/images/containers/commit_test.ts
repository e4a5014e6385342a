/** `container commit` and `container import`. */

// @ts-types="../../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { execute, test, until, without } from "../../_harness.ts";
import { ContainerBox, lines } from "./_container_box.ts";
import { treesOf } from "../_tree.ts";
import { does } from "../_image_store.ts";
import { file, tar } from "../_tar.ts";

const skip = without("busybox");

/** What a container changes. */
const SCRIPT = `
rm /data/gone /broken; echo new >/data/new; ln /data/new /data/again
mkdir -p /deep/er; echo x >/deep/er/x; touch /data/.wait; rm /data/.wait
echo changed >/etc/passwd; rm -r /out; mkdir /out; echo in >/out/in`;

/** Parts of image inspect. */
async function inspected(box: ContainerBox, name: string) {
  return JSON.parse(await box.does("image", "inspect", name))[0];
}

test("commit makes an image that runs", async () => {
  await using box = await ContainerBox.make();
  await box.ended("one", SCRIPT);
  const id = await box.does(
    ...["commit", "-a", "Ada", "-m", "why", "-c", "ENV A=$COLOUR"],
    ...["-c", 'CMD ["cat", "/data/again"]', "--change", "EXPOSE 80", "one"],
    "app:2",
  );
  assertMatch(id, /^sha256:[0-9a-f]{64}\n$/);
  assertEquals(await box.does("run", "-q", "--rm", "app:2"), "new\n");
  const { Config, Author, Comment, Id, RootFS } = await inspected(box, "app:2");
  assertEquals([Id, Author, Comment], [id.trim(), "Ada", "why"]);
  assertEquals(RootFS.Layers.length, 2);
  assertEquals(Config, {
    Cmd: ["cat", "/data/again"],
    Env: ["PATH=/bin", "COLOUR=red", "A=red"],
    ExposedPorts: { "80/tcp": {} },
    Labels: { tier: "test" },
  });
  const history = JSON.parse(
    await box.does("history", "--format", "json", "app:2"),
  );
  assertMatch(history[0].createdBy, /^sh -ec /);
  // What the container was started with is what the image has.
  await box.does(
    ...["run", "--name", "two", "-e", "B=2", "-u", "7:8", "-w", "/data"],
    ...["--label", "x=y", "--entrypoint", "/bin/echo", "app:2", "a", "b"],
  );
  await box.does("commit", "two", "app:3");
  const { Config: third } = await inspected(box, "app:3");
  assertEquals(third, {
    ...Config,
    Cmd: ["a", "b"],
    Entrypoint: ["/bin/echo"],
    Env: [...Config.Env, "B=2"],
    Labels: { tier: "test", x: "y" },
    User: "7:8",
    WorkingDir: "/data",
  });
  assertEquals(await box.does("run", "-q", "--rm", "app:3"), "a b\n");
}, { skip });

test("commit gives the same layer again, whatever the clock", async () => {
  await using box = await ContainerBox.make();
  await box.ended("one", SCRIPT);
  const layers = async (name: string) => {
    const { Manifest } = await inspected(box, name);
    const path = `${box.store}/blobs/sha256/${Manifest.slice(7)}`;
    return JSON.parse(await Deno.readTextFile(path)).layers.map((
      { digest }: { digest: string },
    ) => digest);
  };
  await box.does("commit", "one", "app:2");
  await box.does("commit", "--format", "docker", "one", "app:3");
  assertEquals(await layers("app:2"), await layers("app:3"));
  const { Id: second } = await inspected(box, "app:2");
  const { Id: third } = await inspected(box, "app:3");
  assert(second !== third);
  const [blobs, unpacked, works] = box.left();
  // Three images: two layers, three configurations, three manifests.
  assertEquals([blobs, unpacked, works], [8, 2, 0]);
}, { skip });

test("other tools read what commit has written", async () => {
  await using box = await ContainerBox.make();
  await box.ended("one", SCRIPT);
  await box.does("commit", "one", "app:2");
  const { bytes } = await box.call("export", "one");
  const { path } = box.dir;
  const [ours, umocis] = [`${path}/ours`, `${path}/umoci`];
  await Deno.mkdir(ours);
  await execute(["tar", "-x", "-C", ours], { stdin: bytes });
  await does([
    ...["umoci", "unpack", "--image"],
    ...[`${box.store}:docker.io/library/app:2`, umocis],
  ]);
  const trees = await treesOf([ours, `${umocis}/rootfs`], false);
  const [wanted, found] = trees.map(({ lines }) =>
    // The places of the container's mounts are not in the image.
    lines.filter((line) =>
      !/ (dev|proc|sys|etc\/(host(s|name)|resolv\.conf))=?$/.test(line)
    )
  );
  assertEquals(found, wanted);
  await does([
    ...["skopeo", "copy", "-q"],
    `oci:${box.store}:docker.io/library/app:2`,
    `docker-archive:${path}/app.tar:app:2`,
  ]);
}, { skip: skip ?? without("umoci") ?? without("skopeo") });

test("commit pauses a container that runs, and lets it go on", async () => {
  await using box = await ContainerBox.make();
  await box.running("up", "touch /data/here");
  const state = async () =>
    JSON.parse(await box.does("inspect", "up"))[0].State;
  await box.does("commit", "up", "app:2");
  assertEquals((await state()).Status, "running");
  await box.does("commit", "--pause=false", "up", "app:2");
  await box.does("pause", "up");
  await box.does("commit", "-p", "up", "app:2");
  assertEquals((await state()).Status, "paused");
  await box.does("resume", "up");
  assertEquals(
    await box.does("run", "-q", "--rm", "app:2", "ls", "/data"),
    "gone\nhere\nold\n",
  );
}, { skip });

test(
  "a commit that is killed leaves nothing, not even a paused container",
  async () => {
    await using box = await ContainerBox.make();
    await box.running(
      "up",
      "tar -c /bin >/data/large 2>/dev/null; for i in 1 2 3 4 5 6; do cat /data/large >>/data/larger; done",
    );
    const before = box.left();
    const child = new Deno.Command(box.words()[0]!, {
      args: [
        ...box.words().slice(1),
        ...["--root", `${box.dir.path}/state`, "commit", "up", "app:2"],
      ],
      env: box.env,
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("a work", () => box.left()[2] === 1);
    child.kill("SIGKILL");
    await child.output();
    await until("the container goes on", async () => {
      const [{ State }] = JSON.parse(await box.does("inspect", "up"));
      return State.Status === "running";
    });
    await box.does("image", "prune", "-f");
    assertEquals(box.left(), before);
  },
  { skip },
);

test("commit refuses what cannot be an image, in one line", async () => {
  await using box = await ContainerBox.make();
  await box.ended("one", "touch /data/.wh.bad");
  for (
    const [args, why] of [
      [["none"], /container does not exist: none/],
      [[], /takes a container/],
      [["one", "BAD"], /is not the name of an image/],
      [["one", `x@sha256:${"0".repeat(64)}`], /its digest is not known yet/],
      [["-f", "v2", "one"], /--format v2: expected oci or docker/],
      [["-c", "RUN x", "one"], /--change RUN x: RUN cannot be used here/],
      [["-c", "EXPOSE x", "one"], /--change EXPOSE x: x is not PORT/],
      [["-c", "ENV", "one"], /--change ENV: it has no value/],
      [["one", "x:1"], /its name means a deletion there/],
    ] as const
  ) assertMatch(await box.fails("commit", ...args), why);
  assertEquals(box.left(), [3, 1, 0]);
}, { skip });

test("import reads files, standard input and URLs", async () => {
  await using box = await ContainerBox.make();
  const archive = tar(file("a", "1"));
  const { bytes: zipped } = await execute(["gzip", "-c"], { stdin: archive });
  const { bytes: zstd } = await execute(["zstd", "-c"], { stdin: archive });
  const path = `${box.host}/a.tar`;
  const layerOf = async (name: string) =>
    (await inspected(box, name)).RootFS.Layers[0];
  await Deno.writeFile(path, archive);
  await box.does(
    "import",
    "-m",
    "mine",
    "--platform",
    "linux/arm64",
    path,
    "a:1",
  );
  const { Comment, Architecture } = await inspected(box, "a:1");
  assertEquals([Comment, Architecture], ["mine", "arm64"]);
  for (const bytes of [archive, zipped, ...zstd.length ? [zstd] : []]) {
    const { status, stdout } = await box.fed(bytes, "image", "import", "-");
    assertEquals(status, 0);
    assertEquals(await layerOf(stdout.trim()), await layerOf("a:1"));
  }
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    ({ url }) =>
      url.endsWith("/a")
        ? new Response(zipped as BodyInit)
        : new Response("", { status: 404 }),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  await box.does("import", `${url}/a`, "a:2");
  assertEquals(await layerOf("a:2"), await layerOf("a:1"));
  const left = box.left();
  for (
    const [source, why] of [
      [`${url}/b`, /the server answers with status 404/],
      [`${box.host}/none`, /Cannot read .*none: no such file or directory/],
      [box.host, /it is a directory/],
    ] as const
  ) assertMatch(await box.fails("import", source), why);
  await Deno.writeFile(path, zipped.subarray(0, zipped.length - 20));
  assertMatch(
    await box.fails("import", path),
    /^container: Cannot read the layer/,
  );
  await Deno.writeTextFile(path, "BZh91AY&SY");
  assertMatch(await box.fails("import", path), /compressed with bzip2/);
  assertEquals(box.left(), left);
  assertEquals(lines(await box.does("images", "-q", "a")).length, 2);
}, { skip });
