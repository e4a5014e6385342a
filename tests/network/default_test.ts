/** The network of a container whose flags name none, and names of the host. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { execute, test as hostTest, without } from "../_harness.ts";
import { RunBox } from "../images/run/_run_box.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("ip") ?? without("nft") });

test("root's container of an image is on the default bridge, that of a directory is not", async () => {
  await using box = await RunBox.make();
  try {
    const devices = ["--entrypoint", "ls", "app", "/sys/class/net"];
    const said = await box.in("run", ...devices);
    assertEquals([said.status, said.stdout], [0, "eth0\nlo\n"], said.stderr);
    assertStringIncludes(said.stderr, "container: the network is bridge");
    const quiet = await box.in("run", "-q", ...devices);
    assertEquals(quiet.stderr, "");
    const explained = await box.out("explain", "run", ...devices);
    assertStringIncludes(explained, "Is in the network bridge");
    for (
      const [set, flags, seen] of [
        ["none", [], "lo\n"],
        ["none", ["--network", "bridge"], "eth0\nlo\n"],
        [undefined, ["--network", "none"], "lo\n"],
      ] as const
    ) {
      const env: Record<string, string> = set ? { CONTAINER_NETWORK: set } : {};
      const { stdout, stderr } = await execute(
        box.words("run", "-q", ...flags, ...devices),
        { env },
      );
      assertEquals(stdout, seen, stderr);
    }
    const bad = await execute(box.words("run", ...devices), {
      env: { CONTAINER_NETWORK: "path:/x" },
    });
    assertEquals(bad.status, 125);
    assertStringIncludes(
      bad.stderr,
      "CONTAINER_NETWORK=path:/x: not a network",
    );
  } finally {
    await box.call("network", "prune", "-f");
    await execute(["nft", "delete", "table", "ip", "container"]);
  }
});

test("the variable sets the network of directories too", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/24", "blue");
  const run = (set: string) =>
    execute(box.words("run", "-q", "ip", "-o", "addr"), {
      env: { CONTAINER_NETWORK: set },
    });
  assertStringIncludes((await run("blue")).stdout, "10.9.0.2/24");
  assertEquals((await run("none")).stdout.includes("eth0"), false);
});

test("host-gateway and servers of a network are in the files of names", async () => {
  await using box = new NetworkBox();
  const files = (...flags: string[]) =>
    box.does(
      ...["run", "-q", "--add-host", "host.docker.internal:host-gateway"],
      ...[...flags, "cat", "/etc/hosts", "/etc/resolv.conf"],
    );
  const create = ["network", "create", "--subnet"];
  await box.does(...create, "10.9.0.0/24", "--internal", "in");
  await box.does(...create, "10.8.0.0/24", "--dns", "10.8.0.9", "out");
  const both = await files("--network", "in", "--network", "out");
  assertStringIncludes(both, "10.8.0.1\thost.docker.internal\n");
  assertStringIncludes(both, "nameserver 127.0.0.11\n");
  const own = await files(
    ...["--network", "out", "--dns", "10.8.0.7", "--dns-search", "a.example"],
    ...["--dns-opt", "ndots:2"],
  );
  for (
    const line of [
      "nameserver 127.0.0.11",
      "search a.example",
      "options ndots:2",
    ]
  ) assertStringIncludes(own, `${line}\n`);
  assertEquals(own.includes("10.8.0.9"), false);
  assertStringIncludes(
    await files("--network", "host"),
    "127.0.0.1\thost.docker.internal\n",
  );
  const [shown] = JSON.parse(await box.does("network", "inspect", "out"));
  assertEquals(shown.DNS, ["10.8.0.9"]);
});
