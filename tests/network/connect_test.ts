/** network connect and disconnect, and what happens at a container's end. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { execute, test as hostTest, without } from "../_harness.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("ip") ?? without("nft") });

test("a container that runs is connected and disconnected, with its names", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/24", "blue");
  await box.does("network", "create", "--subnet", "10.8.0.0/24", "red");
  await box.does(
    "network",
    "create",
    "--subnet",
    "10.7.0.0/24",
    "--internal",
    "in",
  );
  await box.detach("web");
  await box.detach("db", "--network", "red");
  await box.detach("apart", "--network", "in");
  const inside = (name: string, ...words: string[]) =>
    box.does("exec", name, "sh", "-c", words.join(" "));
  const look = "cat /etc/hosts; ip -4 -o addr; ip route";
  await box.does(
    ...["network", "connect", "--ip", "10.8.0.77", "--alias", "front"],
    ...["red", "web"],
  );
  const seen = await inside("web", look);
  for (
    const text of [
      ...["eth1    inet 10.8.0.77/24", "10.8.0.2\tdb "],
      "default via 10.9.0.1 dev eth0",
    ]
  ) assertStringIncludes(seen, text);
  assertStringIncludes(await inside("db", look), "10.8.0.77\tweb front ");
  await inside("db", "ping -c1 -W2 front");
  const [shown] = JSON.parse(await box.does("inspect", "web"));
  assertEquals(Object.keys(shown.NetworkSettings.Networks), ["blue", "red"]);
  // The way out moves to the next network.
  await box.does("network", "disconnect", "blue", "web");
  const left = await inside("web", look);
  assertStringIncludes(left, "default via 10.8.0.1 dev eth1");
  assertEquals(left.includes("10.9.0.2"), false);
  await box.does("network", "rm", "blue");
  await box.does("network", "disconnect", "red", "web");
  assertEquals((await inside("db", look)).includes("web"), false);
  assertEquals((await inside("web", look)).includes("eth"), false);
  await box.does("network", "connect", "red", "web");
  assertStringIncludes(
    await inside("web", look),
    "default via 10.8.0.1 dev eth0",
  );
  await box.does("network", "connect", "red", "apart");
  assertStringIncludes(
    await inside("apart", look),
    "default via 10.8.0.1 dev eth1",
  );
  const refused: [string[], string][] = [
    [["connect", "red", "web"], "already exists in network red"],
    [["connect", "nosuch", "web"], "Network does not exist: nosuch"],
    [["connect", "red", "nosuch"], "container does not exist: nosuch"],
    [["connect", "--ip", "10.6.0.1", "in", "web"], "it is not in 10.7.0.0/24"],
    [["connect", "--ip", "10.7.0.2", "in", "web"], "has it"],
    [["disconnect", "in", "web"], "is not connected to network in"],
    [["connect", "red"], "takes a network and a container"],
  ];
  for (const [argv, text] of refused) {
    const { status, stderr } = await box.call("network", ...argv);
    assertEquals([status, stderr.trim().split("\n").length], [125, 1], stderr);
    assertStringIncludes(stderr, text);
  }
  // Nothing of what was refused is left.
  assertEquals((await inside("web", look)).includes("10.7"), false);
  await box.does("restart", "-t", "0", "web");
  assertStringIncludes(await inside("web", look), "10.8.0.1 dev eth0");
  await box.does("rm", "-f", "web", "db", "apart");
  assertEquals(await box.leases(), []);
});

test("disconnect withdraws the ports that led to the address", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/24", "blue");
  await box.does("network", "create", "--subnet", "10.8.0.0/24", "red");
  await box.detach("web", "-p", "8080:80");
  const rules = async () =>
    (await execute(["nft", "list", "table", "ip", "container"])).stdout;
  assertStringIncludes(await rules(), "8080");
  await box.does("network", "connect", "red", "web");
  await box.does("network", "disconnect", "red", "web");
  assertStringIncludes(await rules(), "8080");
  await box.does("network", "connect", "red", "web");
  await box.does("network", "disconnect", "blue", "web");
  assertEquals((await rules()).includes("8080"), false);
  // Nobody holds the port any more.
  await box.detach("other", "-p", "8080:80");
  await box.does("rm", "-f", "other");
  // They lead to the next way out after a restart.
  await box.does("restart", "-t", "0", "web");
  assertStringIncludes(await rules(), "10.8.0.");
  // Only the address of a container that is gone is given back by force.
  for (const word of ["", "w"]) {
    const refused = await box.call("network", "disconnect", "-f", "red", word);
    assertEquals(refused.status, 125, refused.stderr);
  }
  assertEquals((await box.leases()).length, 1);
  await box.does("rm", "-f", "web");
  assertEquals(await box.leases(), []);
});

test("a container that has ended leaves its networks, and can be changed", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/29", "blue");
  await box.does("network", "create", "red");
  await box.detach("web", "--ip", "10.9.0.5");
  await box.detach("other");
  await box.does("stop", "-t", "0", "web");
  assertEquals((await box.leases()).length, 1);
  assertEquals(
    (await box.does("exec", "other", "cat", "/etc/hosts")).includes("web"),
    false,
  );
  // Its address is free for others, as with docker.
  await box.does("run", "-q", "--network", "blue", "--ip", "10.9.0.5", "true");
  await box.does("network", "connect", "red", "web");
  await box.does("network", "disconnect", "blue", "web");
  await box.does("start", "web");
  const shown = await box.does("exec", "web", "ip", "-4", "-o", "addr");
  assertStringIncludes(shown, "eth0    inet 172.17.0.2/16");
  assertEquals(shown.includes("10.9"), false);
  // A keeper that is killed gives nothing back; the next command does.
  const [{ KeeperPid, State }] = JSON.parse(await box.does("inspect", "web"));
  await execute(["kill", "-9", String(KeeperPid), String(State.Pid)]);
  await box.does("network", "rm", "red");
  const { status, stderr } = await box.call("start", "web");
  assertEquals(status, 125);
  assertStringIncludes(stderr, "Network does not exist: red");
  await box.does("network", "disconnect", "-f", "blue", "other");
  await box.does("rm", "-f", "web", "other");
  assertEquals(await box.leases(), []);
});
