/** Containers in the network namespace of another one. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { test as hostTest, without } from "../_harness.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("ip") ?? without("nft") });

test("a container shares the network, the name and the files of another one", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/24", "blue");
  const id = await box.detach(
    "web",
    "-h",
    "front",
    "--add-host",
    "db:10.1.1.1",
  );
  const words = ["ip -4 -o addr show eth0; hostname; cat /etc/hosts"];
  const shown = await box.does(
    ...["run", "-q", "--network", "container:web", "sh", "-c", ...words],
  );
  for (const text of ["10.9.0.2/24", "front\n", "10.1.1.1\tdb"]) {
    assertStringIncludes(shown, text);
  }
  const link = (...argv: string[]) =>
    box.does(...argv, "readlink", "/proc/self/ns/net");
  await box.does(
    ...["run", "-q", "-d", "--name", "side"],
    ...["--network", `container:${id.slice(0, 12)}`, "sleep", "1000"],
  );
  const namespace = await link("exec", "web");
  assertEquals(await link("exec", "side"), namespace);
  // A name that joins later is seen by both.
  await box.detach("late");
  assertStringIncludes(
    await box.does("exec", "side", "cat", "/etc/hosts"),
    "late",
  );
  const [inspected] = JSON.parse(await box.does("inspect", "side"));
  assertEquals(inspected.HostConfig.NetworkMode, `container:${id}`);
  // The namespace is looked up at each start.
  await box.does("restart", "-t", "0", "web");
  await box.does("restart", "-t", "0", "side");
  assertEquals(await link("exec", "side"), await link("exec", "web"));
  await box.does("stop", "-t", "0", "side", "web");
  const { status, stderr } = await box.call("start", "side");
  assertEquals(status, 125);
  assertStringIncludes(stderr, "join network of a non running container: web");
});

test("a path names a network namespace, and contradictions are refused", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  await box.detach("web");
  const [{ State: { Pid } }] = JSON.parse(await box.does("inspect", "web"));
  assertStringIncludes(
    await box.does(
      "run",
      "-q",
      "--network",
      `ns:/proc/${Pid}/ns/net`,
      "ip",
      "a",
    ),
    "172.17.0.2/16",
  );
  const shares = ["--network", "container:web"];
  const refused: [string[], string][] = [
    [[...shares, "-h", "x"], "hostname and the network mode"],
    [[...shares, "--dns", "10.1.1.1"], "dns and the network mode"],
    [
      [...shares, "--add-host", "x:10.1.1.1"],
      "custom host-to-IP mapping and the network mode",
    ],
    [
      [...shares, "--mac-address", "02:42:0a:00:00:09"],
      "mac-address and the network mode",
    ],
    [[...shares, "--ip", "172.17.0.9"], "ip and the network mode"],
    [
      [...shares, "--network", "blue"],
      "both user-defined and non-user-defined",
    ],
    [
      ["--network", "none", "--network", "blue"],
      "both user-defined and non-user-defined",
    ],
    [
      ["--network", "host", "--network", "none"],
      "both user-defined and non-user-defined",
    ],
    [["--network", "container:nosuch"], "container does not exist: nosuch"],
    [["--network", "container:"], "container:NAME"],
  ];
  for (const [argv, text] of refused) {
    const { status, stderr } = await box.call("run", "-q", ...argv, "true");
    assertEquals([status, stderr.trim().split("\n").length], [125, 1], stderr);
    assertStringIncludes(stderr, text);
  }
});
