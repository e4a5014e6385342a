// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { asText, minimal } from "../../../spec/_config_fixture.ts";
import { ConfigError } from "../../../spec/config.ts";
import { MAX_CONFIG_SIZE } from "../../../spec/config_text.ts";
import { ContainerError, SpecError } from "../../../spec/errors.ts";
import { THIS_MACHINE } from "../../world/real_world.ts";
import { requesterIn } from "../requester.ts";
import { readBundle as readAs } from "./bundle.ts";

const readBundle = (path: string) => readAs(path, requesterIn(THIS_MACHINE));

/** A bundle in a directory that is removed with the test. */
class TestBundle implements Disposable {
  readonly path = Deno.realPathSync(Deno.makeTempDirSync());
  constructor(text: string | Uint8Array | null = asText(minimal())) {
    Deno.mkdirSync(`${this.path}/rootfs`);
    if (typeof text === "string") {
      Deno.writeTextFileSync(`${this.path}/config.json`, text);
    } else if (text) Deno.writeFileSync(`${this.path}/config.json`, text);
  }
  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

const openFiles = () => [...Deno.readDirSync("/proc/self/fd")].length;

Deno.test("readBundle() makes the paths of a bundle absolute", () => {
  const config = minimal();
  config.mounts = [
    { destination: "/a", source: "data", options: ["rbind"] },
    { destination: "/b", source: "/srv", options: ["bind"] },
    { destination: "/c", type: "tmpfs", source: "tmpfs" },
  ];
  using bundle = new TestBundle(asText(config));
  const before = openFiles();
  const { path, spec } = readBundle(`${bundle.path}/rootfs/..`);
  assertEquals(openFiles(), before);
  assertEquals(path, bundle.path);
  assertEquals(spec.root.path, `${path}/rootfs`);
  assertEquals(spec.mounts?.map(({ source }) => source), [
    `${path}/data`,
    "/srv",
    "tmpfs",
  ]);
});

Deno.test("readBundle() follows a symbolic link to the root filesystem", () => {
  using bundle = new TestBundle();
  Deno.renameSync(`${bundle.path}/rootfs`, `${bundle.path}/real`);
  Deno.symlinkSync("real", `${bundle.path}/rootfs`);
  assertEquals(
    readBundle(bundle.path).spec.root.path,
    `${bundle.path}/real`,
  );
});

Deno.test("readBundle() maps the caller's own ids if the bundle gives no mappings", () => {
  const config = minimal();
  config.linux.namespaces.push({ type: "user" });
  using bundle = new TestBundle(asText(config));
  const { linux } = readBundle(bundle.path).spec;
  assertEquals(linux.uidMappings, [
    { containerID: 0, hostID: Deno.uid()!, size: 1 },
  ]);
  assertEquals(linux.gidMappings?.[0]?.hostID, Deno.gid()!);
});

Deno.test("readBundle() names what is wrong with the bundle and leaves no descriptor open", () => {
  const absent = new TestBundle(null);
  const fifo = new TestBundle(null);
  new Deno.Command("mkfifo", { args: [`${fifo.path}/config.json`] })
    .outputSync();
  const directory = new TestBundle(null);
  Deno.mkdirSync(`${directory.path}/config.json`);
  const latin = new TestBundle(new Uint8Array([0x22, 0xe9, 0x22]));
  const large = new TestBundle(new Uint8Array(MAX_CONFIG_SIZE + 1).fill(32));
  const rootless = new TestBundle();
  Deno.removeSync(`${rootless.path}/rootfs`);
  const file = new TestBundle();
  Deno.removeSync(`${file.path}/rootfs`);
  Deno.writeTextFileSync(`${file.path}/rootfs`, "");
  using all = new DisposableStack();
  const bundles = [absent, fifo, directory, latin, large, rootless, file];
  bundles.forEach((bundle) => all.use(bundle));
  const before = openFiles();
  const refused = (path: string, message: string) => {
    const error = assertThrows(() => readBundle(path), ContainerError);
    assertEquals([error.message, typeof error.hint], [message, "string"]);
  };
  const { path } = absent;
  refused(`${path}/x`, `Cannot use the bundle ${path}/x: no such directory`);
  refused(
    `${file.path}/config.json`,
    `Cannot use the bundle ${file.path}/config.json: it is not a directory`,
  );
  refused(path, "JSON specification file config.json not found");
  for (const { path } of [rootless, file]) {
    refused(
      path,
      `Cannot use the root filesystem ${path}/rootfs: ${
        path === file.path ? "it is not a directory" : "no such directory"
      }`,
    );
  }
  for (
    const [{ path }, problem] of [
      [fifo, "it is not a file"],
      [directory, "it is not a file"],
      [latin, "the file is not UTF-8, which JSON requires"],
      [large, "the file is larger than 16 MiB"],
    ] as const
  ) {
    assertThrows(
      () => readBundle(path),
      SpecError,
      `Cannot read ${path}/config.json: ${problem}`,
    );
  }
  assertEquals(openFiles(), before);
});

Deno.test("readBundle() passes on the faults of config.json", () => {
  using bundle = new TestBundle('{"ociVersion": "1.0.0"}');
  const error = assertThrows(() => readBundle(bundle.path), ConfigError);
  assertEquals(error.faults.map(({ path }) => path), [
    "process",
    "root",
    "linux.namespaces",
  ]);
});
