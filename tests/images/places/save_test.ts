/** `container save`, and `push` to registries and to places of this machine. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, shellLine, test, without } from "../../_harness.ts";
import { does, ImageBox } from "../_image_store.ts";
import { NO_REGISTRY, Registry } from "../_registry.ts";
import {
  archiveOf,
  madeImage,
  newDocker,
  oldDocker,
} from "./_image_archive.ts";

const skip = without("skopeo") ?? without("umoci");

const BASE = { "bin/": { type: "5" }, "bin/file": "base" };
const IMAGE = madeImage([BASE, { "bin/other": "second" }]);
const OTHER = madeImage([BASE, { "bin/other": "third" }]);

const namesIn = (path: string) =>
  [...Deno.readDirSync(path)].map(({ name }) => name).sort();

/** A store with two images, the first with two names. */
async function filled(): Promise<ImageBox> {
  const box = new ImageBox();
  const { path } = box.dir;
  await Deno.writeFile(
    `${path}/oci.tar`,
    archiveOf(newDocker(IMAGE, "x.org/app:1")),
  );
  await Deno.writeFile(
    `${path}/old.tar`,
    archiveOf(oldDocker([[OTHER, ["x.org/other:1"]]])),
  );
  await box.does("load", "-i", `${path}/oci.tar`);
  await box.does("load", "-i", `${path}/old.tar`);
  await box.does("tag", "x.org/app:1", "x.org/app:2");
  return box;
}

/** The names and IDs of a store. */
async function listed(box: ImageBox): Promise<string[]> {
  const all = JSON.parse(await box.does("images", "--format", "json"));
  return all.map(({ name, id }: { name: string | null; id: string }) =>
    `${name} ${id === IMAGE.id ? "IMAGE" : id === OTHER.id ? "OTHER" : id}`
  ).sort();
}

test("save writes the same bytes each time, and load reads them", async () => {
  await using box = await filled();
  const { path } = box.dir;
  const save = (...words: string[]) => box.does("save", ...words);
  await save("-o", `${path}/one`, "x.org/app:1", "x.org/other:1");
  await save("-m", "-o", `${path}/two`, "x.org/app:1", "x.org/other:1");
  const one = await Deno.readFile(`${path}/one`);
  assertEquals(await Deno.readFile(`${path}/two`), one);
  const { bytes, status } = await execute(
    ["sh", "-c", '"$@" | cat', "sh", ...box.words("save", "x.org/app:1")],
    { env: box.env },
  );
  assertEquals(status, 0);
  await Deno.writeFile(`${path}/stream`, bytes);
  // The name of a repository stands for all its tags, and an ID for none.
  await save("-o", `${path}/all`, "x.org/app", OTHER.id.slice(7, 20));
  await save(
    "--format",
    "oci-dir",
    "-o",
    `${path}/dir`,
    "x.org/app",
    "x.org/other",
  );
  for (
    const [name, expected] of [
      ["one", ["x.org/app:1 IMAGE", "x.org/other:1 OTHER"]],
      ["stream", ["x.org/app:1 IMAGE"]],
      ["all", ["null OTHER", "x.org/app:1 IMAGE", "x.org/app:2 IMAGE"]],
      ["dir", [
        "x.org/app:1 IMAGE",
        "x.org/app:2 IMAGE",
        "x.org/other:1 OTHER",
      ]],
    ] as const
  ) {
    await using fresh = new ImageBox();
    await fresh.does("load", "-q", "-i", `${path}/${name}`);
    assertEquals(await listed(fresh), [...expected], name);
  }
});

test("podman, skopeo and umoci read what save writes", async () => {
  await using box = await filled();
  const { path } = box.dir;
  for (
    const format of ["docker-archive", "oci-archive", "oci-dir", "docker-dir"]
  ) {
    // One image is in OCI's format here, and one in docker's.
    for (const name of ["app", "other"]) {
      const to = `${path}/${format}-${name}`;
      await box.does("save", "--format", format, "-o", to, `x.org/${name}:1`);
      const transport = format.replace("oci-dir", "oci").replace(
        "docker-dir",
        "dir",
      );
      const place = `${transport}:${to}${
        transport === "dir" ? "" : `:x.org/${name}:1`
      }`;
      await does(["skopeo", "copy", "-q", place, `dir:${to}-copy`]);
      const { layers } = JSON.parse(
        await Deno.readTextFile(`${to}-copy/manifest.json`),
      );
      assertEquals(layers.length, 2);
      if (format !== "oci-dir") continue;
      await does([
        "umoci",
        "unpack",
        "--image",
        `${to}:x.org/${name}:1`,
        `${to}-tree`,
      ]);
      assertEquals(
        await Deno.readTextFile(`${to}-tree/rootfs/bin/other`),
        name === "app" ? "second" : "third",
      );
    }
  }
  if (without("podman")) return;
  const podman =
    `podman --root ${path}/root --runroot ${path}/run --storage-driver vfs`;
  await does([
    "sh",
    "-ec",
    `for file in *-archive-*; do ${podman} load -q -i $file; done`,
  ], {
    cwd: path,
  });
  const ids = await does(["sh", "-c", `${podman} images -q --no-trunc`]);
  assertEquals(
    ids.trim().split("\n").sort(),
    [IMAGE.id, OTHER.id].sort(),
  );
}, { skip });

test("push and pull speak skopeo's names of places", async () => {
  await using box = await filled();
  const { path } = box.dir;
  const push = (...words: string[]) => box.does("push", ...words);
  assertMatch(
    await push("x.org/other:1", `oci:${path}/layout:v1`),
    /^digest: sha256:[0-9a-f]{64}\n$/,
  );
  await push("x.org/other:1", `oci:${path}/layout:v2`);
  await push("x.org/app:1", `oci:${path}/layout:v1`);
  await push("-q", "x.org/other:1", `oci-archive:${path}/oci-archive:v1`);
  await push("x.org/other:1", `docker-archive:${path}/list:y.org/z:3`);
  await push("--format", "oci", "x.org/other:1", `dir:${path}/dir`);
  if (!skip) {
    assertEquals(
      (await does(["umoci", "ls", "--layout", `${path}/layout`])).trim()
        .split("\n").sort(),
      ["v1", "v2"],
    );
    assertMatch(
      await does(["skopeo", "inspect", "--raw", `dir:${path}/dir`]),
      /oci\.image\.manifest/,
    );
  }
  for (
    const [place, names] of [
      [`oci:${path}/layout:v1`, ["docker.io/library/v1:latest IMAGE"]],
      [`oci-archive:${path}/oci-archive:v1`, [
        "docker.io/library/v1:latest OTHER",
      ]],
      [`oci-archive:${path}/oci-archive`, [
        "docker.io/library/v1:latest OTHER",
      ]],
      [`docker-archive:${path}/list`, ["y.org/z:3 OTHER"]],
      [`docker-archive:${path}/list:@0`, ["y.org/z:3 OTHER"]],
      [`docker-archive:${path}/list:y.org/z:3`, ["y.org/z:3 OTHER"]],
      [`dir:${path}/dir`, ["null OTHER"]],
    ] as const
  ) {
    await using fresh = new ImageBox();
    const printed = await fresh.does("pull", "-q", place);
    assertEquals(await listed(fresh), [...names], place);
    const [name] = names[0].split(" ");
    assertEquals(printed, name === "null" ? `${OTHER.id}\n` : `${name}\n`);
    assertMatch(await fresh.does("pull", place), /Image is up to date for /);
    assertEquals(fresh.left().slice(1), [2, 0]);
  }
  for (
    const [words, message] of [
      [
        ["pull", `oci:${path}/layout`],
        /several images\. Name one after another colon\. It has v2, v1\./,
      ],
      [
        ["pull", `oci:${path}/layout:v3`],
        /no image v3 in oci:.*\. It has v2, v1\./,
      ],
      [
        ["pull", `oci:${path}/list`],
        /it is docker-archive\. Write docker-archive:/,
      ],
      [
        ["push", "x.org/app:1", `docker-archive:${path}/list`],
        /has images already/,
      ],
      [["push", "x.org/app:1", `dir:${path}/dir`], /the directory has files/],
      [
        ["push", "x.org/app:1", `oci:${path}:x`],
        /the directory has other files/,
      ],
      [["push", "x.org/app:1", "oci:/nosuch/x:1"], /no such file or directory/],
      [["push", "x.org/app:1", "containers-storage:x"], /store of podman/],
      [["push", "--format", "x", "x.org/app:1"], /not one of oci, v2s2/],
      [["push", "-a", "x.org/app:1"], /it names one/],
      [["push", "-a", "x.org/nosuch"], /There is no tag of x.org\/nosuch here/],
      [["save"], /needs an image/],
      [["save", "-o", `${path}/x`, "nosuch"], /There is no image nosuch here/],
      [
        ["save", "-o", "/nosuch/x", "x.org/app:1"],
        /Cannot write \/nosuch\/x: no such/,
      ],
      [["save", "--format", "x", "x.org/app:1"], /not one of docker-archive/],
      [["save", "--format", "oci-dir", "x.org/app:1"], /needs a directory/],
      [[
        "save",
        "--format=docker-dir",
        `-o${path}/x`,
        "x.org/app:1",
        "x.org/other:1",
      ], /it holds one/],
      [
        ["save", "--format=oci-dir", "-o", path, "x.org/app:1"],
        /the directory has files/,
      ],
      [["save", "-o", "/dev/full", "x.org/app:1"], /no space left on device/],
    ] as const
  ) assertMatch(await box.fails(...words), message, words.join(" "));
  // A damaged blob of the store goes nowhere.
  const blobs = `${box.store}/blobs/sha256`;
  const [layer] = JSON.parse(OTHER.config).rootfs.diff_ids;
  const blob = `${blobs}/${layer.slice(7)}`;
  const content = await Deno.readFile(blob);
  content[600]! ^= 1;
  await Deno.writeFile(blob, content);
  const before = namesIn(path);
  assertMatch(
    await box.fails("save", "-o", `${path}/bad`, "x.org/other:1"),
    /has a damaged blob/,
  );
  assertMatch(
    await box.fails("save", "--format=oci-dir", `-o${path}/bad`, "x.org/other"),
    /has a damaged blob/,
  );
  assertEquals(namesIn(path), before);
});

test("save refuses a terminal", async () => {
  await using box = await filled();
  const { stdout } = await execute(
    [
      "script",
      "-qec",
      shellLine(box.words("save", "x.org/app:1")),
      "/dev/null",
    ],
    { env: { ...box.env, SHELL: "/bin/sh" } },
  );
  assertMatch(
    stdout,
    /Cannot save images to a terminal\. Name a file with --o/,
  );
}, { skip: without("script") });

test("push --all-tags, --format and --digestfile", async () => {
  await using registry = await Registry.start();
  await using box = await filled();
  const repository = `${registry.host}/team/app`;
  await box.does("tag", "x.org/app:1", `${repository}:1`, `${repository}:2`);
  await box.does("tag", "x.org/other:1", `${repository}:3`);
  const lines = await box.does("push", "-a", repository);
  assertMatch(
    lines,
    /^1: digest: sha256:\S+ size: \d+\n2: digest: .*\n3: digest: .*\n$/,
  );
  const tags = await does([
    ...["skopeo", "list-tags", "--tls-verify=false", `docker://${repository}`],
  ]);
  assertEquals(JSON.parse(tags).Tags.sort(), ["1", "2", "3"]);
  const file = `${box.dir.path}/digest`;
  await box.does(
    ...["push", "--format", "v2s2", "--digestfile", file],
    ...["x.org/app:1", `docker://${repository}:4`],
  );
  const raw = await execute([
    ...["skopeo", "inspect", "--tls-verify=false", "--raw"],
    `docker://${repository}@${await Deno.readTextFile(file)}`,
  ]);
  assertMatch(raw.stdout, /distribution\.manifest\.v2\+json/);
}, { skip: NO_REGISTRY });

/** A docker daemon that has one archive, and takes any. */
function fakeDocker(socket: string, archive: Uint8Array<ArrayBuffer>) {
  const seen: string[] = [];
  const taken: Uint8Array[] = [];
  const server = Deno.serve(
    { path: socket, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      seen.push(`${request.method} ${decodeURIComponent(pathname)}`);
      if (request.method === "POST") {
        taken.push(await request.bytes());
        return new Response(
          taken.length > 1 ? '{"error":"no space left"}\n' : '{"stream":"x"}\n',
        );
      }
      return pathname.includes("nosuch")
        ? Response.json({ message: "reference does not exist" }, {
          status: 404,
        })
        : new Response(archive);
    },
  );
  return { seen, taken, [Symbol.asyncDispose]: () => server.shutdown() };
}

test("docker-daemon is docker's socket", async () => {
  await using box = new ImageBox();
  const { path } = box.dir;
  await using docker = fakeDocker(
    `${path}/socket`,
    archiveOf(oldDocker([[IMAGE, ["app:1"]]])),
  );
  Object.defineProperty(box, "env", {
    value: { ...box.env, DOCKER_HOST: `unix://${path}/socket` },
  });
  assertEquals(
    await box.does("pull", "-q", "docker-daemon:app:1"),
    "docker.io/library/app:1\n",
  );
  await box.does("push", "app:1", "docker-daemon:y.org/b");
  assertEquals(docker.seen, ["GET /images/app:1/get", "POST /images/load"]);
  await Deno.writeFile(`${path}/taken`, docker.taken[0]!);
  assertMatch(
    await box.does("load", "-q", "-i", `${path}/taken`),
    /^Loaded image: y\.org\/b:latest\n$/,
  );
  assertMatch(
    await box.fails("pull", "docker-daemon:nosuch"),
    /docker says: reference does not exist\./,
  );
  assertMatch(
    await box.fails("push", "app:1", "docker-daemon:c:1"),
    /docker says: no space left/,
  );
  for (
    const [host, message] of [
      ["tcp://127.0.0.1:1", /only sockets of this machine are supported/],
      [`unix://${path}/nosuch`, /there is no such socket\. Start it, or name/],
    ] as const
  ) {
    const { stderr, status } = await execute(
      box.words("pull", "docker-daemon:app:1"),
      { env: { ...box.env, DOCKER_HOST: host } },
    );
    assertEquals(status, 125);
    assertMatch(stderr, message);
  }
  assertEquals(box.left().at(-1), 0);
});
