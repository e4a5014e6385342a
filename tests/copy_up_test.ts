/** A tmpfs that begins with a copy of what it covers: tmpcopyup, as podman asks for it. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle, type Config } from "./_bundle.ts";
import { test, until } from "./_harness.ts";

const tmpfs =
  (destination: string, ...options: string[]) =>
  ({ linux: _, ...config }: Config & { mounts?: unknown[] }) => {
    config.mounts?.push({
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "tmpcopyup", ...options],
    });
  };

async function said(bundle: Bundle): Promise<string> {
  await bundle.create("one");
  await bundle.does("start", "one");
  await until(
    "it has ended",
    async () => await bundle.status("one") === "stopped",
  );
  return await Deno.readTextFile(`${bundle.dir.path}/rootfs/out`);
}

const LOOK =
  "exec >/out 2>&1; ls -lan /place/ | tr -s ' ' | cut -d' ' -f1,3,9-; cat /place/link; echo new >/place/new && echo written";

async function fill(bundle: Bundle): Promise<void> {
  const place = `${bundle.dir.path}/rootfs/real`;
  await Deno.mkdir(place, { mode: 0o750 });
  await Deno.writeTextFile(`${place}/file`, "text\n", { mode: 0o640 });
  await Deno.chown(`${place}/file`, 7, 8);
  await Deno.symlink("file", `${place}/link`);
  // A link of the image leads inside it, whatever it says.
  await Deno.symlink("/real", `${bundle.dir.path}/rootfs/place`);
}

test("tmpcopyup: what is covered is there, and changes are not kept", async () => {
  await using bundle = await Bundle.make(
    ["sh", "-c", LOOK],
    tmpfs("/place"),
  );
  await fill(bundle);
  const text = await said(bundle);
  assertStringIncludes(text, "-rw-r----- 7 file\n");
  assertStringIncludes(text, "link -> file\n");
  assertStringIncludes(text, "\ntext\nwritten\n");
  const left = await Array.fromAsync(
    Deno.readDir(`${bundle.dir.path}/rootfs/real`),
  );
  assertEquals(left.map(({ name }) => name).sort(), ["file", "link"]);
});

test("tmpcopyup: read-only, with a mode, and of nothing", async () => {
  await using bundle = await Bundle.make([
    ...["sh", "-c"],
    "exec >/out 2>&1; stat -c %a /place/; cat /place/file; touch /place/x",
  ], tmpfs("/place", "ro", "mode=711"));
  await fill(bundle);
  assertEquals(
    await said(bundle),
    "711\ntext\ntouch: /place/x: Read-only file system\n",
  );
  await using empty = await Bundle.make(
    ["sh", "-c", "ls -a /nothing >/out"],
    tmpfs("/nothing"),
  );
  assertEquals(await said(empty), ".\n..\n");
});

test("tmpcopyup: too much for its size is told, and nothing is left", async () => {
  await using bundle = await Bundle.make(["true"], tmpfs("/place", "size=8k"));
  await fill(bundle);
  await Deno.writeFile(
    `${bundle.dir.path}/rootfs/real/large`,
    new Uint8Array(100_000),
  );
  const { status, stderr } = await bundle.call(
    "create",
    "--bundle",
    bundle.dir.path,
    "one",
  );
  assertEquals(status, 125);
  assertStringIncludes(stderr, "container: Cannot create a tmpfs with a copy");
  assertStringIncludes(stderr, "No space left on device");
});
