/** Networks with IPv6: addresses, routes, names, isolation and the way out. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { execute, test as hostTest, without } from "../_harness.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("ip") ?? without("nft") });

const FORWARDING = "/proc/sys/net/ipv6/conf/all/forwarding";

test("containers of a network with IPv6 reach each other by name, and the world", async () => {
  await using box = new NetworkBox();
  await using outside = await box.neighbour("192.0.2");
  const device = "n19202";
  await execute([
    "ip",
    "addr",
    "add",
    "2001:db8::1/64",
    "dev",
    device,
    "nodad",
  ]);
  await outside.namespace.does(
    ...["ip", "addr", "add", "2001:db8::2/64", "dev", "eth0", "nodad"],
  );
  await Deno.writeTextFile(FORWARDING, "0");
  await box.does(
    ...["network", "create", "--ipv6", "--subnet", "10.9.0.0/24"],
    ...["--subnet", "fd00:9::/64", "blue"],
  );
  await box.does("network", "create", "--ipv6", "red");
  await box.detach("web", "--ip6", "fd00:9::77");
  const seen = await box.does(
    ...["run", "-q", "--network", "blue", "sh", "-c"],
    "ip -6 -o addr show eth0; ip -6 route; cat /etc/hosts; ping -6 -c1 -W2 web && ping -6 -c1 -W2 2001:db8::2",
  );
  for (
    const text of [
      ...["fd00:9::3/64", "default via fd00:9::1 dev eth0"],
      ...["fd00:9::77\tweb ", "10.9.0.2\tweb "],
    ]
  ) assertStringIncludes(seen, text);
  assertEquals((await Deno.readTextFile(FORWARDING)).trim(), "1");
  // Another network and another host do not reach it.
  const { status } = await box.call(
    ...["run", "-q", "--network", "red", "ping", "-6", "-c1", "-W1"],
    "fd00:9::77",
  );
  assertEquals(status, 1);
  await outside.namespace.does(
    ...["ip", "-6", "route", "add", "fd00::/8", "via", "2001:db8::1"],
  );
  const ping = await execute(
    outside.namespace.words(
      ...["busybox", "ping", "-6", "-c1", "-W1", "fd00:9::77"],
    ),
  );
  assertEquals(ping.status, 1);
  const [{ EnableIPv6, IPAM, Containers }] = JSON.parse(
    await box.does("network", "inspect", "blue"),
  );
  assertEquals([EnableIPv6, IPAM.Config[1]], [true, {
    Subnet: "fd00:9::/64",
    Gateway: "fd00:9::1",
  }]);
  assertEquals(
    Object.values(Containers as { IPv6Address: string }[])
      .map(({ IPv6Address }) => IPv6Address),
    ["fd00:9::77/64"],
  );
  await box.does("network", "connect", "red", "web");
  assertStringIncludes(
    await box.does("exec", "web", "ip", "-6", "-o", "addr", "show", "eth1"),
    "inet6 fd",
  );
  await box.does("network", "disconnect", "blue", "web");
  assertStringIncludes(
    await box.does("exec", "web", "ip", "-6", "route"),
    "dev eth1",
  );
  const refused: [string[], string][] = [
    [["--network", "blue", "--ip6", "fd00:8::1"], "it is not in fd00:9::/64"],
    [["--network", "blue", "--ip6", "fd00:9::1"], "it is the gateway"],
    [["--network", "blue", "--ip6", "x"], "not an IPv6 address"],
    [["--network", "bridge", "--ip6", "fd00::5"], "the network has no IPv6"],
  ];
  for (const [argv, text] of refused) {
    const { status, stderr } = await box.call("run", "-q", ...argv, "true");
    assertEquals([status, stderr.trim().split("\n").length], [125, 1], stderr);
    assertStringIncludes(stderr, text);
  }
  const again = await box.call(
    ...["network", "create", "--subnet", "fd00::/16", "again"],
  );
  assertEquals(again.status, 125);
  assertStringIncludes(again.stderr, "it overlaps with fd00:9::/64");
  await box.does("rm", "-f", "web");
  assertEquals(await box.leases(), []);
  assertEquals((await Deno.readTextFile(FORWARDING)).trim(), "0");
  await box.does("network", "rm", "blue", "red");
});
