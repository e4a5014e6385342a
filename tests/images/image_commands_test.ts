/** The commands for images: what they print, and what they refuse. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, shellLine, test, without } from "../_harness.ts";
import { does, ImageBox, SampleImage } from "./_image_store.ts";
import { NO_REGISTRY, Registry } from "./_registry.ts";

const skip = NO_REGISTRY ?? without("umoci");

test("images, tag, rmi and history speak as docker does", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/team/app:1`;
  await sample.put(name);
  await box.does("pull", "-q", name);
  const id = (await box.does("images", "-q", "--no-trunc")).trim();
  assertMatch(id, /^sha256:[0-9a-f]{64}$/);
  const short = id.slice(7, 19);
  assertMatch(
    await box.does("images"),
    new RegExp(
      `^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n${registry.host}/team/app +1 +${short} +.* ago +1MiB\n$`,
    ),
  );
  await box.does("tag", short, "app", "other/app:2");
  assertEquals(
    JSON.parse(await box.does("image", "ls", "--format", "json"))
      .map(({ name }: { name: string }) => name).sort(),
    [name, "docker.io/library/app:latest", "docker.io/other/app:2"].sort(),
  );
  const listed = async (...words: string[]) =>
    (await box.does("images", "-q", ...words)).trim();
  for (
    const words of [
      ...[["app"], ["app:latest"], ["other/*"], ["-f", "label=tier=test"]],
      ...[["-f", "reference=*/app"], ["-f", "dangling=false"]],
      ...[["-f", "since=app", "-f", "label=x"], ["-f", "dangling=true"]],
      ...[["nosuch"], ["-f", "before=app"], ["-f", "until=10000h"]],
    ]
  ) {
    const isThere = /^(app|app:latest|other|label=tier|ref.*|dangling=false)/
      .test(words.at(-1)!.replace("-f ", ""));
    assertEquals(await listed(...words), isThere ? short : "", words.join(" "));
  }
  assertMatch(await box.fails("images", "-f", "x=y"), /unknown filter/);
  assertMatch(
    await box.fails("rmi", short),
    /it has 3 names .*Remove a name, or all of them with --force\.$/,
  );
  assertEquals(await box.does("rmi", "app"), "Untagged: app:latest\n");
  assertMatch(
    await box.does("rmi", "-f", short),
    new RegExp(
      `^Untagged: .*\nUntagged: .*\nDeleted: ${id}\n(Deleted: sha256:.*\n){2}$`,
    ),
  );
  assertEquals(box.left(), [0, 0, 0]);
  assertMatch(
    await box.fails("rmi", "app"),
    /There is no image app here\. container pull app:latest fetches it; container images lists those/,
  );
  await box.call("rmi", "-f", "app");
}, { skip });

test("history and system df tell what is on the disk", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/app:1`;
  await sample.put(name);
  await box.does("pull", "-q", name);
  const steps = JSON.parse(
    await box.does("history", "--format", "json", name),
  );
  assertEquals(steps.length, 3);
  assertEquals(steps[2].size > 1 << 20, true);
  assertMatch(await box.does("history", name), /^IMAGE +CREATED +CREATED BY/);
  const sizes = async () => {
    const uses = JSON.parse(await box.does("system", "df", "--format", "json"));
    return uses.reduce(
      (sum: number, { size }: { size: number }) => sum + size,
      0,
    );
  };
  const du = async () =>
    Number((await does(["du", "-s", "-B1", box.store])).split("\t")[0]);
  assertEquals(await sizes(), await du());
  await sample.put(name, { format: "v2s2" });
  await box.does("pull", "-q", name);
  assertEquals(await sizes(), await du());
  // The name went to another manifest of the same image.
  const { deleted } = JSON.parse(
    await box.does("image", "prune", "--format", "json"),
  );
  assertEquals(deleted.length, 1);
  assertEquals(await sizes(), await du());
  await box.does("pull", "-q", name);
}, { skip });

test("progress on a terminal stays above the result", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/app:1`;
  await sample.put(name);
  const line = shellLine(box.words("pull", name));
  const { status, stdout } = await execute(
    ["script", "-qec", `stty cols 60; ${line}`, "/dev/null"],
    { env: { ...box.env, SHELL: "/bin/sh", TERM: "vt100" } },
  );
  assertEquals(status, 0);
  const [progress = "", result = ""] = stdout.replaceAll("\x1b", "^")
    .split("Digest: ");
  assertMatch(progress, /: Waiting\^\[K\r\n/);
  assertMatch(progress, /\^\[2A[^^]*: Pull complete/);
  assertMatch(result, /^sha256:[^^]*Status: [^^]*\r\n$/);
  const json = await box.call("pull", "--progress", "json", name);
  assertEquals([json.status, json.stderr], [0, ""]);
  await box.does("rmi", name);
  const { stderr } = await box.call("pull", "--progress=json", "-q", name);
  assertEquals(stderr, "");
}, { skip: skip ?? without("script") });

test("bad input gets one line with the cure", async () => {
  await using box = new ImageBox();
  for (
    const [words, message] of [
      [["pull"], /container pull needs an image/],
      [["pull", "Alpine"], /is not the name of an image/],
      [["pull", "oci:x:y"], /images of oci:x: no such file or directory/],
      [["pull", "containers-storage:x"], /the store of podman is not supp/],
      [["pull", "-a", "oci:x"], /Cannot pull all tags of oci:x: it is not a/],
      [["pull", "--platform", "a b", "x.invalid/y"], /not a platform/],
      [["pull", "nosuch.invalid/x:1"], /its name cannot be resolved|refused/],
      [["pull", "127.0.0.1:9/x:1"], /the connection is refused/],
      [["push", "x"], /There is no image x here/],
      [["tag", "x"], /takes an image and its new name/],
      [["history", "x", "y"], /takes one image/],
      [["image", "nosuch"], /Unknown command image nosuch/],
      [["image", "prun"], /Did you mean container image prune\?/],
      [["login", "a b"], /not the name of a registry/],
      [["login", "x.invalid"], /the name of the user is missing/],
    ] as const
  ) assertMatch(await box.fails(...words), message);
  await Deno.mkdir(box.store);
  await Deno.writeTextFile(`${box.store}/version`, "2\n");
  assertMatch(
    await box.fails("images"),
    /it has version 2, and this program knows version 1\. Use a newer version/,
  );
  await Deno.remove(box.store, { recursive: true });
  assertEquals(await box.does("images", "-q"), "");
  await Deno.stat(box.store).then(
    () => assertEquals("made by images", ""),
    () => {},
  );
});
