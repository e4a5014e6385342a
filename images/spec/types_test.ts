/** Manifests, configurations and platforms that others have written. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../spec/errors.ts";
import { chainIds, digestOf } from "./digest.ts";
import { parseImageConfig } from "./image_config.ts";
import { CONFIG, INDEX, MANIFEST, SCHEMA_1 } from "./media_types.ts";
import { chooseManifest, fitOf, parsePlatform } from "./platform.ts";
import { parseDocument, type Platform } from "./types.ts";

const SHA = `sha256:${"a".repeat(64)}`;
const bytes = (value: unknown) =>
  new TextEncoder().encode(
    typeof value === "string" ? value : JSON.stringify(value),
  );

const LAYER = {
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: SHA,
  size: 10,
};
const GOOD = {
  schemaVersion: 2,
  mediaType: MANIFEST.oci,
  config: { mediaType: CONFIG.oci, digest: SHA, size: 2 },
  layers: [LAYER],
};

Deno.test("a manifest is read with what it names", () => {
  const document = parseDocument("x", bytes(GOOD), MANIFEST.oci);
  assertEquals(document, {
    kind: "manifest",
    manifest: {
      mediaType: MANIFEST.oci,
      config: GOOD.config,
      layers: [LAYER],
    },
  });
  const bare = parseDocument("x", bytes({ ...GOOD, mediaType: undefined }));
  assertEquals(bare.kind, "manifest");
  const index = parseDocument(
    "x",
    bytes({ schemaVersion: 2, mediaType: INDEX.docker, manifests: [LAYER] }),
    `${INDEX.docker}; charset=utf-8`,
  );
  assertEquals(index.kind, "index");
});

Deno.test("what is no image is refused with its name", () => {
  const cases: [value: unknown, message: RegExp, sent?: string][] = [
    ["{", /it is not JSON/],
    ["[]", /it is not an object/],
    ["\u0000", /it is not JSON/],
    ["[".repeat(100) + "]".repeat(100), /nested too deeply/],
    [{ ...GOOD, schemaVersion: 1 }, /schema 1, which is obsolete/],
    [{ ...GOOD, mediaType: SCHEMA_1[1] }, /schema 1/],
    [{ schemaVersion: 1, fsLayers: [] }, /schema 1/, SCHEMA_1[0]],
    [{ ...GOOD, schemaVersion: 3 }, /schemaVersion is not 2/],
    [{ ...GOOD, manifests: [] }, /both a manifest and an index/],
    [GOOD, /was sent as .*index.*, but says .*manifest/, INDEX.oci],
    [{ ...GOOD, mediaType: "text/html" }, /type text\/html is not an image's/],
    [{ ...GOOD, artifactType: "a/b" }, /artifact of type a\/b/],
    [
      { ...GOOD, config: { ...GOOD.config, mediaType: "a/helm" } },
      /artifact of type a\/helm, not an image/,
    ],
    [{ ...GOOD, layers: {} }, /layers is not a list/],
    [{ ...GOOD, layers: Array(501).fill(LAYER) }, /more than 500 items/],
    [{ ...GOOD, layers: [{ ...LAYER, size: -1 }] }, /layers\[0\].size/],
    [{ ...GOOD, layers: [{ ...LAYER, size: 1e300 }] }, /size is not a size/],
    [{ ...GOOD, layers: [{ ...LAYER, size: "1" }] }, /size is not a size/],
    [
      { ...GOOD, layers: [{ ...LAYER, digest: "sha256:../../x" }] },
      /layers\[0\].digest is not a digest/,
    ],
    [
      {
        ...GOOD,
        layers: [{ ...LAYER, mediaType: `${LAYER.mediaType}+encrypted` }],
      },
      /layers are encrypted/,
    ],
    [
      { ...GOOD, layers: [{ ...LAYER, mediaType: "x/y\u001b[2J" }] },
      /x\/y\\u\{1b\}\[2J is not a type of layer/,
    ],
    [
      { ...GOOD, config: { ...GOOD.config, size: 9e6 } },
      /configuration is larger than 8 MiB/,
    ],
    [" ".repeat(4 * 1024 * 1024 + 1), /larger than 4 MiB/],
  ];
  for (const [value, message, sent] of cases) {
    const error = assertThrows(
      () => parseDocument("x", bytes(value), sent),
      ContainerError,
    );
    assertEquals(message.test(error.message), true, error.message);
    assertEquals(typeof error.hint, "string");
  }
});

Deno.test("a configuration is read as docker and buildkit write it", () => {
  const config = parseImageConfig(
    "x",
    bytes({
      architecture: "arm",
      os: "linux",
      variant: "v6",
      created: "2026-01-01T00:00:00Z",
      config: {
        Env: ["A=b"],
        Cmd: ["sh"],
        Entrypoint: null,
        Volumes: { "/data": {} },
        ExposedPorts: { "80/tcp": {} },
        Labels: null,
        ArgsEscaped: true,
      },
      rootfs: { type: "layers", diff_ids: [SHA] },
      history: [{ created_by: "COPY x", empty_layer: true }, {}],
    }),
  );
  assertEquals(config, {
    platform: { os: "linux", architecture: "arm", variant: "v6" },
    created: "2026-01-01T00:00:00Z",
    config: {
      ExposedPorts: ["80/tcp"],
      Env: ["A=b"],
      Cmd: ["sh"],
      Volumes: ["/data"],
    },
    diffIds: [SHA],
    history: [{ createdBy: "COPY x", isEmpty: true }, { isEmpty: false }],
  });
});

Deno.test("a faulty configuration is refused", () => {
  const good = {
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [] },
  };
  for (
    const [change, place] of [
      [{ os: 1 }, "os"],
      [{ rootfs: null }, "rootfs"],
      [{ rootfs: { type: "layers", diff_ids: ["x"] } }, "rootfs.diff_ids[0]"],
      [{ config: { Env: "A=b" } }, "config.Env"],
      [{ config: { Cmd: ["a\0b"] } }, "config.Cmd[0]"],
      [{ config: { Labels: { a: 1 } } }, "config.Labels.a"],
      [{ history: {} }, "history"],
    ] as const
  ) {
    assertThrows(
      () => parseImageConfig("x", bytes({ ...good, ...change })),
      ContainerError,
      `Cannot use the configuration of x: ${place} is not`,
    );
  }
});

Deno.test("the best platform of an index is chosen", () => {
  const at = (text: string, digest: string) => ({
    ...LAYER,
    digest,
    platform: parsePlatform(text),
  });
  const choose = (wanted: string, ...there: string[]) =>
    chooseManifest(
      "x",
      there.map((text) => at(text, text)),
      parsePlatform(wanted),
    ).digest;
  assertEquals(
    choose("linux/amd64", "linux/386", "linux/amd64"),
    "linux/amd64",
  );
  assertEquals(
    choose("linux/arm/v7", "linux/arm/v5", "linux/arm/v6", "linux/arm64"),
    "linux/arm/v6",
  );
  assertEquals(choose("linux/arm64", "linux/arm64/v8"), "linux/arm64/v8");
  assertEquals(choose("aarch64", "linux/arm64"), "linux/arm64");
  const error = assertThrows(
    () => choose("linux/amd64", "linux/amd64/v3", "linux/s390x"),
    ContainerError,
    "x is not made for linux/amd64",
  );
  assertEquals(
    error.hint,
    "It is made for linux/amd64/v3, linux/s390x: choose one with --platform.",
  );
  assertThrows(() => choose("linux/amd64", "unknown/unknown"), ContainerError);
});

Deno.test("variants run on newer ones of the same architecture only", () => {
  const fit = (content: Platform, wanted: string) =>
    fitOf(content, parsePlatform(wanted));
  const amd64 = (variant?: string) => ({
    os: "linux",
    architecture: "amd64",
    ...variant ? { variant } : {},
  });
  assertEquals(fit(amd64("v2"), "linux/amd64"), null);
  assertEquals(fit(amd64(), "linux/amd64/v3"), 2);
  assertEquals(fit(amd64("v3"), "linux/amd64/v3"), 0);
  assertEquals(
    fit({ os: "linux", architecture: "arm", variant: "v8" }, "linux/arm"),
    null,
  );
  assertEquals(fit({ os: "windows", architecture: "amd64" }, "linux"), null);
});

Deno.test("chain ids are those of the specification", () => {
  assertEquals(chainIds([]), []);
  assertEquals(chainIds([SHA]), [SHA]);
  assertEquals(chainIds([SHA, SHA])[1], digestOf(`${SHA} ${SHA}`));
});
