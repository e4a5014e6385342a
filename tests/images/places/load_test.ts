/** `container load`: the archives of other programs, and those of enemies. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { execute, test, until, without } from "../../_harness.ts";
import {
  archiveOf,
  layoutOf,
  type Made,
  madeImage,
  type Members,
  newDocker,
  ociBlobs,
  oldDocker,
} from "./_image_archive.ts";
import { does, ImageBox } from "../_image_store.ts";

const skip = without("skopeo");

const BASE: Members = { "bin/": { type: "5" }, "bin/file": "base" };
const IMAGE = madeImage([BASE, { "bin/other": "second" }]);

/** A box with a file of these bytes. */
function withFile(box: ImageBox, bytes: Uint8Array): string {
  const path = `${box.dir.path}/archive`;
  Deno.writeFileSync(path, bytes);
  return path;
}

/** The names and IDs of all images of a store. */
async function listed(box: ImageBox): Promise<[string | null, string][]> {
  const all = JSON.parse(await box.does("images", "--format", "json"));
  return all.map((
    { name, id }: { name: string | null; id: string },
  ) => [name, id]);
}

test("load reads each format, plain and compressed, as file and as stream", async () => {
  await using box = new ImageBox();
  const old = archiveOf(oldDocker([[IMAGE, ["x.org/app:1", "app:2"]]]));
  const recent = archiveOf(newDocker(IMAGE, "docker.io/library/app:1"));
  const { members, listed: manifest } = ociBlobs(IMAGE);
  const nameless = archiveOf(layoutOf(members, [manifest]));
  const twice = "Loaded image: x.org/app:1\nLoaded image: app:2\n";
  for (
    const [bytes, expected] of [
      [old, twice],
      [new Uint8Array(gzipSync(old)), twice],
      [new Uint8Array(zstdCompressSync(recent)), "Loaded image: app:1\n"],
      [recent, "Loaded image: app:1\n"],
      [nameless, `Loaded image ID: ${IMAGE.id}\n`],
    ] as const
  ) {
    const path = withFile(box, bytes);
    assertEquals(await box.does("load", "-i", path), expected);
    const { status, stdout, stderr } = await execute(
      ["sh", "-c", 'cat "$0" | exec "$@"', path, ...box.words("load", "-q")],
      { env: box.env },
    );
    assertEquals([status, stdout, stderr], [0, expected, ""]);
    assertEquals(box.left().at(-1), 0);
  }
  assertEquals(
    (await listed(box)).map(([name, id]) => [name, id === IMAGE.id]).sort(),
    [
      ["docker.io/library/app:1", true],
      ["docker.io/library/app:2", true],
      ["x.org/app:1", true],
    ],
  );
});

test("load reads what podman and skopeo write", async () => {
  await using box = new ImageBox();
  const { path } = box.dir;
  withFile(box, archiveOf(newDocker(IMAGE, "x.org/app:1")));
  const podman =
    `podman --root ${path}/root --runroot ${path}/run --storage-driver vfs`;
  const written = [
    ...without("podman") ? [] : ["docker-archive", "oci-archive"],
    ...without("podman") ? [] : ["oci-dir", "docker-dir"],
  ];
  if (written.length) {
    await does([
      "sh",
      "-ec",
      `${podman} load -q -i archive; for format in ${
        written.join(" ")
      }; do ${podman} save -q --format $format -o $format x.org/app:1; done`,
    ], { cwd: path });
  }
  const skopeo = {
    "skopeo-archive": "docker-archive:skopeo-archive:x.org/app:1",
    "skopeo-oci": "oci-archive:skopeo-oci:x.org/app:1",
    "skopeo-dir": "dir:skopeo-dir",
  };
  for (const to of Object.values(skopeo)) {
    await does(["skopeo", "copy", "-q", "docker-archive:archive", to], {
      cwd: path,
    });
  }
  for (const name of [...written, ...Object.keys(skopeo)]) {
    const isDir = /(docker|skopeo)-dir/.test(name);
    await using fresh = new ImageBox();
    const printed = await fresh.does("load", "-q", "-i", `${path}/${name}`);
    const [[, id] = [], ...more] = await listed(fresh);
    assertEquals(more, []);
    assertEquals(
      printed,
      isDir ? `Loaded image ID: ${id}\n` : "Loaded image: x.org/app:1\n",
      name,
    );
    assertEquals(id, IMAGE.id, name);
    assertEquals(fresh.left().slice(1), [2, 0]);
  }
}, { skip });

test("load takes several images, or none of them", async () => {
  await using box = new ImageBox();
  const other = madeImage([BASE, { "bin/other": "third" }]);
  const both = oldDocker([[IMAGE, ["app:1"]], [other, []]]);
  assertEquals(
    await box.does("load", "-q", "-i", withFile(box, archiveOf(both))),
    `Loaded image: app:1\nLoaded image ID: ${other.id}\n`,
  );
  await box.does("rmi", "-f", IMAGE.id, other.id);
  const name = Object.keys(both).filter((name) => /layer/.test(name)).at(-1)!;
  assertMatch(
    await box.fails(
      "load",
      "-q",
      "-i",
      withFile(box, archiveOf({ ...both, [name]: "no tar file" })),
    ),
    /Cannot use sha256:.* has another digest/,
  );
  assertEquals(await listed(box), []);
  assertEquals(box.left(), [0, 0, 0]);
});

test("load chooses the platform", async () => {
  await using box = new ImageBox();
  const ours = ociBlobs(IMAGE);
  const foreign = madeImage([BASE], { architecture: "s390x" });
  const theirs = ociBlobs(foreign);
  const platforms = [
    { ...theirs.listed, platform: { os: "linux", architecture: "s390x" } },
    {
      ...ours.listed,
      platform: {
        os: "linux",
        architecture: JSON.parse(IMAGE.config).architecture,
      },
    },
  ];
  const path = withFile(
    box,
    archiveOf(layoutOf({ ...theirs.members, ...ours.members }, platforms)),
  );
  const load = (...flags: string[]) =>
    box.does("load", "-q", "-i", path, ...flags);
  assertEquals(await load(), `Loaded image ID: ${IMAGE.id}\n`);
  assertEquals(
    await load("--platform", "linux/s390x"),
    `Loaded image ID: ${foreign.id}\n`,
  );
  assertMatch(
    await box.fails("load", "-i", path, "--platform", "linux/riscv64"),
    /is not made for linux\/riscv64\. It is made for linux\/s390x, linux/,
  );
});

/** An archive with an image, changed. */
const changed = (
  change: (members: Members, image: Made) => Members | void,
): Uint8Array => {
  const members = { ...newDocker(IMAGE, "app:1") };
  return archiveOf(change(members, IMAGE) ?? members);
};

const layerName = () =>
  Object.keys(newDocker(IMAGE, "app:1"))
    .find((name) =>
      name.includes(
        String(
          JSON.parse(IMAGE.config).rootfs
            .diff_ids[0],
        ).slice(7),
      )
    )!;

/** These differ if the archive comes as a stream. */
const AS_STREAM =
  /^(a device|a missing layer|two members|no archive|a cut|a bomb|bzip2)/;

const WHOLE = archiveOf(newDocker(IMAGE, "app:1"));

test("load refuses what is hostile or damaged, and nothing stays", async () => {
  await using box = new ImageBox();
  const layer = layerName();
  const cases: [name: string, bytes: Uint8Array, message: RegExp][] = [
    [
      "a name with ..",
      changed((all) => ({ ...all, "a/../../b": "x" })),
      /member "a\/\.\.\/\.\.\/b" leads out/,
    ],
    [
      "an absolute name",
      changed((all) => ({ ...all, "/etc/x": "x" })),
      /member "\/etc\/x" leads out/,
    ],
    [
      "a link out",
      changed((all) => ({ ...all, x: { type: "2", link: "../x" } })),
      /link "x" leads out/,
    ],
    [
      "an absolute link",
      changed((all) => ({ ...all, x: { type: "2", link: "/etc/passwd" } })),
      /link "x" leads out/,
    ],
    [
      "a hard link out",
      changed((all) => ({
        ...all,
        x: { type: "1", link: "../../etc/passwd" },
      })),
      /leads out/,
    ],
    [
      "links in a circle",
      changed((all) => ({
        ...all,
        "index.json": { type: "2", link: "index.json" },
      })),
      /in a circle/,
    ],
    [
      "a device",
      changed((all) => ({ ...all, null: { type: "3", major: 1, minor: 3 } })),
      /neither a file nor/,
    ],
    [
      "a pipe",
      changed((all) => ({ ...all, pipe: { type: "6" } })),
      /neither a file nor/,
    ],
    [
      "a missing layer",
      changed((all) => void delete all[layer]),
      /it lacks blobs\/sha256/,
    ],
    [
      "a layer as a directory",
      changed((all) => ({ ...all, [layer]: { type: "5" } })),
      /is not a file/,
    ],
    [
      "another layer",
      changed((all) => ({ ...all, [layer]: archiveOf({ x: "other" }) })),
      /Cannot use sha256:/,
    ],
    [
      "another manifest",
      changed((all) => {
        const { listed } = ociBlobs(IMAGE);
        all[`blobs/sha256/${listed.digest.slice(7)}`] = "{}";
      }),
      /has another content/,
    ],
    [
      "two members of one name",
      archiveOf([
        ...Object.entries(newDocker(IMAGE, "app:1")),
        ["index.json", "{}"],
      ]),
      /two members "index.json"/,
    ],
    [
      "a path with .. in the list",
      archiveOf({
        ...oldDocker([[IMAGE, ["app:1"]]]),
        "manifest.json": JSON.stringify([{
          Config: "../../etc/passwd",
          Layers: [],
        }]),
      }),
      /leads out of the archive/,
    ],
    [
      "fewer layers",
      archiveOf({
        ...oldDocker([[IMAGE, ["app:1"]]]),
        "manifest.json": JSON.stringify([{
          Config: `${IMAGE.id.slice(7)}.json`,
          RepoTags: null,
          Layers: [],
        }]),
      }),
      /lists 0 layers, but .* names 2/,
    ],
    [
      "a wrong name",
      archiveOf(oldDocker([[IMAGE, ["App:1"]]])),
      /it names an image "App:1"/,
    ],
    [
      "no list",
      archiveOf({ file: "x" }),
      /neither index.json nor manifest.json/,
    ],
    ["an empty list", archiveOf({ "manifest.json": "[]" }), /has no image/],
    ["no JSON", archiveOf({ "manifest.json": "[{]" }), /not JSON/],
    [
      "no archive",
      new TextEncoder().encode("hello ".repeat(200)),
      /not a tar file/,
    ],
    ["a cut archive", WHOLE.subarray(0, 1700), /ends inside/],
    [
      "a cut gzip stream",
      new Uint8Array(gzipSync(WHOLE)).subarray(0, 300),
      /is not complete|ends/,
    ],
    [
      "a bomb",
      new Uint8Array(
        gzipSync(
          changed((all) => ({ ...all, zeros: new Uint8Array(3 << 20) })),
        ),
      ),
      /more than 2097152 bytes\. Allow more with --max-unpacked/,
    ],
    [
      "bzip2",
      new TextEncoder().encode("BZh91AY&SY........"),
      /compressed with bzip2/,
    ],
  ];
  for (const [name, bytes, message] of cases) {
    const path = withFile(box, bytes);
    const words = ["load", "-q", "--max-unpacked", "2m"];
    const line = await box.fails(...words, "-i", path);
    assertMatch(line, message, name);
    assertMatch(line, /^container: Cannot .*: .*\. [A-Z].*\.$/, name);
    assertEquals(box.left(), [0, 0, 0], name);
    if (!AS_STREAM.test(name)) continue;
    const stream = await execute(
      ["sh", "-c", 'cat "$0" | exec "$@"', path, ...box.words(...words)],
      { env: box.env },
    );
    assertEquals([stream.status, stream.stdout], [125, ""], name);
    assertMatch(stream.stderr, message, name);
    assertEquals(box.left(), [0, 0, 0], name);
  }
  assertEquals(await listed(box), []);
  assertMatch(await box.fails("load", "-i", "/nosuch"), /no such file/);
  assertMatch(await box.fails("load", "x"), /takes flags only/);
  box.settings(
    "policy.json",
    JSON.stringify({
      default: [{ type: "insecureAcceptAnything" }],
      transports: { "docker-archive": { "": [{ type: "reject" }] } },
    }),
  );
  assertMatch(
    await box.fails("load", "-i", withFile(box, WHOLE)),
    /policy\.json rejects it/,
  );
});

test("load ends with Ctrl-C while it waits for more, and nothing stays", async () => {
  await using box = new ImageBox();
  const [program, ...args] = box.words("load");
  const child = new Deno.Command(program!, {
    args,
    env: box.env,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(WHOLE.slice(0, 1024));
  await until("load keeps what has arrived", () => box.left().at(-1) === 1);
  child.kill("SIGINT");
  assertEquals((await child.status).code, 130);
  await writer.abort().catch(() => {});
  assertEquals(box.left(), [0, 0, 0]);
});
