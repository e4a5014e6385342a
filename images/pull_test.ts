/** Pulls from a registry that the tests control. */

// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ContainerError } from "../spec/errors.ts";
import {
  failure,
  type Handler,
  TestServer,
} from "./registry/_server_fixture.ts";
import { RegistriesConf } from "./registry/registries_conf.ts";
import { Session } from "./registry/session.ts";
import { digestOf } from "./spec/digest.ts";
import { INDEX } from "./spec/media_types.ts";
import { parsePlatform } from "./spec/platform.ts";
import { parseReference } from "./spec/reference.ts";
import {
  type MadeImage,
  makeImage,
  TempStore,
} from "./store/_image_fixture.ts";
import { namesIn } from "./store/places.ts";
import type { LayerUnpacker } from "./layer_work.ts";
import type { Progress } from "./progress.ts";
import { pull, type PullOptions } from "./pull.ts";

/** Writes a layer as it is into a file. */
const UNPACKER: LayerUnpacker = {
  async unpack(source, { into }) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of source) parts.push(new Uint8Array(part));
    const text = await new Blob(parts).text();
    await Deno.mkdir(into);
    await Deno.writeTextFile(`${into}/layer`, text);
    return {
      diffId: digestOf(text),
      size: text.length,
      finish: (below) =>
        Deno.writeTextFileSync(
          `${into}/below`,
          below.map((path) => Deno.readTextFileSync(`${path}/layer`)).join(),
        ),
    };
  },
};

/** Serves images by their tags. */
function registryOf(
  tags: Record<string, MadeImage>,
  change: (digest: string, bytes: Uint8Array) => Response | null = () => null,
): Handler {
  const blobs = new Map(
    Object.values(tags).flatMap(({ blobs }) => [...blobs]),
  );
  return (request, url) => {
    const [, kind, target = ""] =
      /^\/v2\/.*\/(manifests|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    const digest = tags[target]?.manifest.digest ?? target;
    const bytes = blobs.get(digest);
    if (!bytes) return failure(404, "MANIFEST_UNKNOWN");
    const headers: Record<string, string> = kind === "manifests"
      ? {
        "docker-content-digest": digest,
        "content-type": JSON.parse(new TextDecoder().decode(bytes)).mediaType ??
          "",
      }
      : {};
    if (request.method === "HEAD") return new Response(null, { headers });
    return change(digest, bytes) ??
      new Response(new Uint8Array(bytes), { headers });
  };
}

/** A pull from a server into a store. */
async function pullFrom(
  server: TestServer,
  { store }: TempStore,
  word = "a/b:1",
  options: Partial<PullOptions> & { conf?: RegistriesConf } = {},
) {
  using session = new Session({}, options.conf ?? new RegistriesConf());
  return await pull(parseReference(`${server.host}/${word}`), {
    store,
    session,
    unpacker: UNPACKER,
    maxUnpacked: 1e9,
    ...options,
  });
}

const IMAGE = makeImage(["base", "middle", "base", "top"]);

const left = ({ path }: TempStore) =>
  ["blobs/sha256", "layers", "work"].map((name) =>
    namesIn(`${path}/${name}`).length
  );

Deno.test("pull() adds an image, and asks once if it is here", async () => {
  using temp = new TempStore();
  await using server = new TestServer(registryOf({ 1: IMAGE }));
  const messages: Progress[] = [];
  const { image, isOld, digest } = await pullFrom(server, temp, "a/b:1", {
    onProgress: (message) => messages.push(message),
  });
  assertEquals([isOld, digest], [false, IMAGE.manifest.digest]);
  assertEquals(image.name, `${server.host}/a/b:1`);
  assertEquals(image.size, 4 + 6 + 4 + 3);
  assertEquals(left(temp), [5, 4, 0]);
  const [, , , chain = ""] = image.chains;
  const top = `${temp.path}/layers/${chain.slice(7)}/diff`;
  assertEquals(await Deno.readTextFile(`${top}/layer`), "top");
  assertEquals(await Deno.readTextFile(`${top}/below`), "base,middle,base");
  assertEquals(
    messages.filter((one) => one.kind === "layer" && one.state === "done")
      .length,
    4,
  );
  const before = server.seen.length;
  assertEquals((await pullFrom(server, temp)).isOld, true);
  assertEquals(server.seen.slice(before), ["HEAD /v2/a/b/manifests/1"]);
  const word = `a/b@${digest}`;
  assertEquals((await pullFrom(server, temp, word)).isOld, true);
  assertEquals(server.seen.length, before + 1);
});

Deno.test("pull() fetches only what is not here", async () => {
  using temp = new TempStore();
  const other = makeImage(["base", "middle", "other"]);
  await using server = new TestServer(registryOf({ 1: IMAGE, 2: other }));
  await pullFrom(server, temp);
  const before = server.seen.length;
  await pullFrom(server, temp, "c:2");
  // The manifest, the configuration and one layer.
  assertEquals(server.seen.length - before, 3);
  assertEquals(left(temp), [8, 5, 0]);
  // A new tag takes the name; the old image stays without it.
  await pullFrom(server, temp, "a/b:2");
  assertEquals(temp.store.images().length, 3);
});

Deno.test("pull() takes the manifest of its platform from an index", async () => {
  using temp = new TempStore();
  const arm = makeImage(["arm"], { architecture: "arm64" });
  const amd = makeImage(["amd"]);
  const bytes = new TextEncoder().encode(JSON.stringify({
    schemaVersion: 2,
    mediaType: INDEX.oci,
    manifests: [
      { ...arm.manifest, platform: { os: "linux", architecture: "arm64" } },
      { ...amd.manifest, platform: { os: "linux", architecture: "amd64" } },
    ],
  }));
  const digest = digestOf(bytes);
  const index: MadeImage = {
    manifest: { mediaType: INDEX.oci, digest, size: bytes.length },
    blobs: new Map([[digest, bytes], ...arm.blobs, ...amd.blobs]),
    diffIds: [],
  };
  await using server = new TestServer(registryOf({ 1: index }));
  const platform = parsePlatform("linux/arm64");
  const { image } = await pullFrom(server, temp, "a/b:1", { platform });
  assertEquals(image.platform.architecture, "arm64");
  assertEquals([image.digest, image.source], [arm.manifest.digest, digest]);
  const other = parsePlatform("linux/amd64");
  const second = await pullFrom(server, temp, "a/b:1", { platform: other });
  assertEquals(second.image.platform.architecture, "amd64");
  await assertRejects(
    () => pullFrom(server, temp, "a/b:1", { platform: parsePlatform("s390x") }),
    ContainerError,
    "is not made for linux/s390x",
  );
});

Deno.test("a failed pull leaves nothing, and says what is wrong", async () => {
  const top = digestOf("top");
  const wrongIds = makeImage(["base"]);
  const broken = makeImage(["other"]);
  // The configuration of one image with the layers of another.
  const manifest = JSON.parse(
    new TextDecoder().decode(wrongIds.blobs.get(wrongIds.manifest.digest)),
  );
  manifest.layers = JSON.parse(
    new TextDecoder().decode(broken.blobs.get(broken.manifest.digest)),
  ).layers;
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const mixed: MadeImage = {
    manifest: {
      ...wrongIds.manifest,
      digest: digestOf(bytes),
      size: bytes.length,
    },
    blobs: new Map([
      [digestOf(bytes), bytes],
      ...wrongIds.blobs,
      ...broken.blobs,
    ]),
    diffIds: [],
  };
  for (
    const [image, change, message] of [
      [
        IMAGE,
        (digest: string) => digest === top ? new Response("pot") : null,
        "its content has another digest",
      ],
      [
        IMAGE,
        (digest: string) => digest === top ? new Response("long top") : null,
        "another number of bytes",
      ],
      [
        IMAGE,
        (digest: string) =>
          digest === top ? failure(404, "BLOB_UNKNOWN") : null,
        "the registry does not have a part of the image",
      ],
      [mixed, () => null, "other content than its configuration says"],
      [
        makeImage(["x"], { architecture: "s390x" }),
        () => null,
        "",
      ],
    ] as const
  ) {
    using temp = new TempStore();
    await using server = new TestServer(registryOf({ 1: image }, change));
    if (message === "") {
      const warnings: Progress[] = [];
      await pullFrom(server, temp, "a/b:1", {
        onProgress: (one) => one.kind === "warning" && warnings.push(one),
      });
      assertEquals(warnings.length, 1);
      continue;
    }
    await assertRejects(() => pullFrom(server, temp), ContainerError, message);
    assertEquals(left(temp), [0, 0, 0], message);
    assertEquals(temp.store.images(), []);
  }
});

Deno.test("the layers of an image together stay below --max-unpacked", async () => {
  using temp = new TempStore();
  const many = makeImage(Array.from({ length: 10 }, () => "bomb"));
  await using server = new TestServer(registryOf({ 1: many }));
  await assertRejects(
    () => pullFrom(server, temp, "a/b:1", { maxUnpacked: 39 }),
    ContainerError,
    "its layers have more than 39 bytes without their compression",
  );
  assertEquals(left(temp), [0, 0, 0]);
  await pullFrom(server, temp, "a/b:1", { maxUnpacked: 40 });
});

Deno.test("a mirror that fails is passed over", async () => {
  using temp = new TempStore();
  await using mirror = new TestServer(() => failure(404, "NAME_UNKNOWN"));
  await using server = new TestServer(registryOf({ 1: IMAGE }));
  const conf = new RegistriesConf([{
    prefix: server.host,
    location: server.host,
    insecure: false,
    blocked: false,
    mirrors: [{ location: `${mirror.host}/m`, insecure: false, use: "all" }],
  }]);
  const { image } = await pullFrom(server, temp, "a/b:1", { conf });
  assertEquals(image.name, `${server.host}/a/b:1`);
  assertEquals(mirror.seen, ["GET /v2/m/a/b/manifests/1"]);
});

Deno.test("a signal ends a pull, which leaves nothing", async () => {
  using temp = new TempStore();
  const controller = new AbortController();
  await using server = new TestServer(registryOf({ 1: IMAGE }, (digest) => {
    if (digest === digestOf("top")) controller.abort(new Error("enough"));
    return null;
  }));
  await assertRejects(
    () => pullFrom(server, temp, "a/b:1", { signal: controller.signal }),
    Error,
    "enough",
  );
  assertEquals(left(temp), [0, 0, 0]);
});

Deno.test("two pulls at once add the image once", async () => {
  using temp = new TempStore();
  await using server = new TestServer(registryOf({ 1: IMAGE }));
  const both = await Promise.all([
    pullFrom(server, temp),
    pullFrom(server, temp),
  ]);
  assert(both.every(({ image }) => image.digest === IMAGE.manifest.digest));
  assertEquals(left(temp), [5, 4, 0]);
  assertEquals(temp.store.images().length, 1);
});
