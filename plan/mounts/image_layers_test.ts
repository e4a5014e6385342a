// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError } from "../../spec/errors.ts";
import { belowMapped, type ImageLayers, mountLayers } from "./image_layers.ts";

const IMAGE: ImageLayers = {
  layers: ["/store/layers/b/diff", "/store/layers/a/diff"],
  changes: { upper: "/store/c/upper", work: "/store/c/work" },
  empty: "/store/empty",
  volatile: false,
  oneByOne: true,
};

const many = (count: number) =>
  Array.from(
    { length: count },
    (_, at) => `/store/layers/${String(at).padStart(64, "0")}/diff`,
  );

Deno.test("mountLayers() gives the layers to the kernel one by one", () => {
  const [create, attach, ...rest] = mountLayers(IMAGE, "/root");
  assertEquals(rest, []);
  assertEquals(create?.step === "createFilesystem" && create.options, [
    "lowerdir+=/store/layers/b/diff",
    "lowerdir+=/store/layers/a/diff",
    "upperdir=/store/c/upper",
    "workdir=/store/c/work",
    "userxattr",
    "index=off",
    "redirect_dir=nofollow",
  ]);
  assertEquals(attach?.step === "attach" && attach.target, "/root");
});

Deno.test("mountLayers() adds an empty layer to a single one that is read-only", () => {
  const layers = ["/store/layers/a/diff"];
  const [create] = mountLayers(
    { ...IMAGE, layers, changes: null, volatile: true },
    "/root",
  );
  if (create?.step !== "createFilesystem") throw new Error(create?.step);
  assertEquals(create.options, [
    "lowerdir+=/store/layers/a/diff",
    "lowerdir+=/store/empty",
    "userxattr",
    "index=off",
    "redirect_dir=nofollow",
  ]);
  assertEquals(create.attributes, ["MOUNT_ATTR_RDONLY"]);
});

Deno.test("mountLayers() lets the kernel skip syncs only if it is told so", () => {
  const [create] = mountLayers({ ...IMAGE, volatile: true }, "/root");
  assertEquals(
    create?.step === "createFilesystem" && create.options.at(-1),
    "volatile",
  );
});

Deno.test("mountLayers() uses one string of options on older kernels, with escapes", () => {
  const steps = mountLayers({
    ...IMAGE,
    oneByOne: false,
    layers: ["/st:ore/a,b", "/st:ore/c\\d"],
  }, "/root");
  assertEquals(steps.map(({ step }) => step), ["mount"]);
  const [mount] = steps;
  assertEquals(
    mount?.step === "mount" && mount.data,
    "lowerdir=/st\\:ore/a\\,b:/st\\:ore/c\\\\d,upperdir=/store/c/upper," +
      "workdir=/store/c/work,userxattr,index=off,redirect_dir=nofollow",
  );
});

Deno.test("mountLayers() shortens paths on older kernels, and names the floor", () => {
  const old = (count: number) =>
    mountLayers({ ...IMAGE, oneByOne: false, layers: many(count) }, "/root");
  const [change, mount] = old(55);
  assertEquals(
    change?.step === "changeDirectory" && change.path,
    "/store/layers/",
  );
  const data = mount?.step === "mount" ? mount.data ?? "" : "";
  assertEquals(data.startsWith(`lowerdir=${"0".repeat(64)}/diff:`), true);
  assertEquals(data.length <= 4095, true);
  const error = assertThrows(
    () => old(60),
    SpecError,
    "the paths of its 60 layers do not fit",
  );
  assertEquals(error.hint?.includes("Linux 6.8"), true);
});

Deno.test("mountLayers() uses options if a path is too long for fsconfig(2)", () => {
  const long = `/${"s".repeat(200)}/${"t".repeat(60)}`;
  const steps = mountLayers({ ...IMAGE, layers: [long, "/b"] }, "/root");
  assertEquals(steps.map(({ step }) => step), ["mount"]);
});

Deno.test("mountLayers() refuses more layers than the kernel takes", () => {
  assertEquals(mountLayers({ ...IMAGE, layers: many(500) }, "/r").length, 2);
  assertThrows(
    () => mountLayers({ ...IMAGE, layers: many(501) }, "/r"),
    SpecError,
    "it has 501 layers, and the kernel takes 500",
  );
});

Deno.test("belowMapped() finds layers and changes below the mounts with mapped owners", () => {
  const uids = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const { layers, changes } = belowMapped({
    ...IMAGE,
    layers: ["/store/layers/b/diff", "/store/layers/a/diff"],
    changes: {
      upper: "/store/containers/one/upper",
      work: "/store/containers/one/work",
    },
    mapped: {
      layers: "/store/layers",
      changes: "/store/containers/one",
      uids,
      gids: uids,
    },
  }, "/tmp");
  assertEquals(layers, ["/tmp/layers/b/diff", "/tmp/layers/a/diff"]);
  assertEquals(changes, { upper: "/tmp/upper", work: "/tmp/work" });
});
