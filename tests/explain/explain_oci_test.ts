/** What explain prints about an OCI runtime's commands is what they do. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { compareCalls } from "../_explained.ts";
import { container, test, without } from "../_harness.ts";

const STRACE = { skip: without("strace") };

/** All paths in a directory and below it, in alphabetical order. */
const namesBelow = (path: string): string[] =>
  [...Deno.readDirSync(path)].flatMap(({ name, isDirectory }) => [
    name,
    ...(isDirectory ? namesBelow(`${path}/${name}`) : []),
  ]).sort();

test("explain create prints a bundle's plan, and changes nothing", async () => {
  await using bundle = await Bundle.make(["/bin/true"]);
  const { path } = bundle.dir;
  const before = namesBelow(path);
  const text = await bundle.does(
    ...["explain", "--all", "create", "--bundle", path] as const,
  );
  assertMatch(text, /^container create \/bin\/true: \d+ steps\n/);
  assertMatch(text, /wait for the start\n +why: /);
  const json = JSON.parse(
    await bundle.does("explain", "--json", "create", "--bundle", path),
  );
  assertEquals(json.command, ["/bin/true"]);
  assertEquals(json.process.at(-1).step, "execute");
  assertEquals(namesBelow(path), before);
});

test("explain create names what is wrong with a bundle", async () => {
  await using bundle = await Bundle.make(["/bin/true"], (config) => {
    config.process.cwd = "nowhere";
  });
  const { path } = bundle.dir;
  const { status, stdout, stderr } = await bundle.call(
    "explain",
    "create",
    "--bundle",
    path,
  );
  const real = await bundle.call("create", "--bundle", path, "faulty");
  assertEquals([status, stdout, stderr], [
    real.status,
    "",
    real.stderr,
  ]);
});

test("explain create prints what the container cannot have", async () => {
  await using bundle = await Bundle.make(["/bin/true"], (config) => {
    config.mounts = config.mounts.filter(({ destination }) =>
      !destination.startsWith("/dev")
    );
    config.mounts.push({
      destination: "/dev",
      type: "bind",
      source: "/dev",
      options: ["rbind"],
    });
    config.linux.devices = [
      { path: "/dev/not-there", type: "c", major: 1, minor: 3 },
    ];
  });
  const { path } = bundle.dir;
  const text = await bundle.does(
    ...["explain", "--json", "create", "--bundle", path] as const,
  );
  assertEquals(JSON.parse(text).leftOut, [
    "linux.devices: /dev/not-there is not created, because /dev is /dev of the host",
  ]);
});

test(
  "run --bundle makes the calls that explain --strace prints",
  async () => {
    await using bundle = await Bundle.make(["/bin/true"]);
    await compareCalls({
      globals: ["--root", `${bundle.dir.path}/state`],
      words: ["run", "--bundle", bundle.dir.path, "traced"],
      init: false,
    });
  },
  STRACE,
);

test(
  "exec makes the calls that explain --strace prints",
  async () => {
    await using bundle = await Bundle.make(["sleep", "100"]);
    await bundle.create("traced");
    await bundle.does("start", "traced");
    const text = await bundle.does("explain", "exec", "traced", "true");
    assertMatch(text, /^container exec true: \d+ steps\n/);
    await compareCalls({
      globals: ["--root", `${bundle.dir.path}/state`],
      words: ["exec", "traced", "true"],
      init: false,
    });
  },
  STRACE,
);

test("explain names the commands that it can explain", async () => {
  const { status, stderr } = await container(["explain", "creat"]);
  assertEquals([status, stderr], [
    125,
    "container: Cannot explain creat: the supported commands are run, create, exec. Did you mean create?\n",
  ]);
});
