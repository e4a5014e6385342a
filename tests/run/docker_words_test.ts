/** What a docker or podman user types out of habit. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../cli/version.ts";
import {
  container,
  rootfs,
  run,
  TempDir,
  test,
  testBoth,
} from "../_harness.ts";

for (
  const [word, advice] of [
    ["build", /Images cannot be built yet/],
    ["pod", /There are no pods/],
    ["docker", /Leave out the word docker/],
    ["sh", /container run sh/],
    ["--rm", /It is a flag of run: container run --rm …/],
    ["--context=x", /There is no daemon/],
    ["stat", /Did you mean (start or stats|stats or start|state or stats)\b/],
    ["zzz", /^container: Unknown command zzz\. See container --help\.\n$/],
  ] as const
) {
  test(`an unknown command says what there is instead: ${word}`, async () => {
    const { status, stdout, stderr } = await container([word, "x"]);
    assertEquals([status, stdout], [125, ""]);
    assertMatch(stderr, advice);
    assertEquals(stderr.split("\n").length, 2);
  });
}

test("docker's names of commands are accepted, with and without their group", async () => {
  await using dir = new TempDir();
  const call = async (...words: string[]) => {
    const root = `${dir.path}/state`;
    const { status, stdout, stderr } = await container([
      "--root",
      root,
      ...words,
    ]);
    assertEquals([status, stderr], [0, ""], words.join(" "));
    return stdout;
  };
  const listed = await call("ps");
  assertEquals(await call("ls"), listed);
  assertEquals(await call("container", "ls"), listed);
  assertEquals(await call("version"), `container version ${VERSION}\n`);
  assertMatch((await container(["unpause", "--help"])).stdout, /resume/);
  assertMatch((await container(["info", "--help"])).stdout, /doctor/);
  assertEquals(await call("container"), await call("--help"));
});

test("-h of run is the hostname, and as the last word help", async () => {
  const { stdout } = await run(["-h", "box", "hostname"]);
  assertEquals(stdout, "box\n");
  const help = await container(["run", "-h"]);
  assertEquals(help.status, 0);
  assertMatch(help.stdout, /^Run a command in a new container/);
  assertMatch(help.stdout, /^ +-h, --hostname NAME/m);
});

testBoth("--entrypoint is the first word of the command", async (mode) => {
  const words = ["--entrypoint", "echo", "a", "b"];
  const { status, stdout } = await mode.run(words);
  assertEquals([status, stdout], [0, "a b\n"]);
});

testBoth("--security-opt sets no_new_privs and seccomp", async (mode) => {
  const read = async (...flags: string[]) => {
    const script = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status";
    return (await mode.run([...flags, "sh", "-c", script])).stdout;
  };
  assertEquals(
    await read(
      ...["--security-opt", "no-new-privileges=false"],
      ...["--security-opt", "seccomp=unconfined"],
    ),
    "NoNewPrivs:\t0\nSeccomp:\t0\n",
  );
  assertEquals(
    await read("--security-opt", "no-new-privileges"),
    "NoNewPrivs:\t1\nSeccomp:\t2\n",
  );
});

test("--net is --network", async () => {
  const script = "ls /sys/class/net | grep -c .";
  const { stdout } = await run(["--net", "none", "sh", "-c", script]);
  assertEquals(stdout, "1\n");
});

test("--cidfile writes the ID of a container to a new file", async () => {
  await using dir = new TempDir();
  const file = `${dir.path}/id`;
  const call = (...words: string[]) =>
    container(["--root", `${dir.path}/state`, ...words]);
  const start = (...words: string[]) =>
    call("run", "-q", "--rootfs", rootfs(), "--cidfile", file, ...words);

  const inFront = await start("sh", "-c", "echo hi; exit 3");
  assertEquals([inFront.status, inFront.stdout], [3, "hi\n"]);
  assertMatch(await Deno.readTextFile(file), /^[0-9a-f]{64}$/);
  assertEquals((await call("ps", "-aq")).stdout, "");

  const again = await start("true");
  assertEquals(again.status, 125);
  assertMatch(
    again.stderr,
    /^container: Cannot write the container ID to \S+: .*exists\. Another container may use it\. Remove/,
  );
  assertEquals((await call("ps", "-aq")).stdout, "");

  await Deno.remove(file);
  const behind = await start("-d", "sleep", "1000");
  assertEquals(behind.stdout, `${await Deno.readTextFile(file)}\n`);
  assertEquals((await call("rm", "-f", behind.stdout.trim())).status, 0);
});
