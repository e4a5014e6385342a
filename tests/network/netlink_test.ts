/**
 * The messages of network/ against the kernel, as ip(8) and nft(8) show what
 * they have made. Each test has a network namespace of its own.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SyscallError } from "../../ffi/errno.ts";
import { NetlinkError } from "../../network/netlink/answer.ts";
import type { Netlink } from "../../network/netlink/socket.ts";
import {
  addNetwork,
  addPorts,
  makeTable,
  removeNetwork,
  removePorts,
} from "../../network/nf_tables/firewall.ts";
import { batchOf } from "../../network/nf_tables/messages.ts";
import { newAddress } from "../../network/rtnetlink/addresses.ts";
import {
  deleteLink,
  getLink,
  isolatePort,
  newBridge,
  newVeth,
  parseLink,
  RTM_LINK,
  setUp,
} from "../../network/rtnetlink/links.ts";
import {
  newDefaultRoute,
  parseRoute,
  routeFront,
  RTM_ROUTE,
} from "../../network/rtnetlink/routes.ts";
import { test as hostTest, without } from "../_harness.ts";
import { NetworkNamespace } from "./_namespace.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, {
    skip: Deno.uid() === 0
      ? without("ip") ?? without("nft") ?? without("busybox")
      : "not root",
  });

const linkNamed = (netlink: Netlink, name: string) =>
  parseLink(netlink.get(RTM_LINK.RTM_GETLINK, getLink(name)));

test("a bridge and a pair of devices across namespaces are as ip shows them", async () => {
  await using here = await NetworkNamespace.make();
  await using there = await NetworkNamespace.make();
  using netlink = here.netlink();
  netlink.change(
    newBridge({ name: "br-test", mac: "02:42:00:00:00:01", mtu: 1400 }),
  );
  const bridge = linkNamed(netlink, "br-test");
  assertEquals(bridge, {
    index: bridge.index,
    name: "br-test",
    up: true,
    mtu: 1400,
    mac: "02:42:00:00:00:01",
    kind: "bridge",
  });
  netlink.change(newAddress(bridge.index, { address: "10.9.0.1", bits: 20 }));
  netlink.change(newVeth(
    { name: "veth7", master: bridge.index, mtu: 1400 },
    {
      name: "eth0",
      mac: "02:42:0a:09:00:02",
      mtu: 1400,
      namespace: there.descriptor.fd,
    },
  ));
  const port = linkNamed(netlink, "veth7");
  assertEquals([port.master, port.kind, port.up], [bridge.index, "veth", true]);
  netlink.change(isolatePort(port.index));
  using inside = there.netlink();
  const device = linkNamed(inside, "eth0");
  assertEquals(device.mac, "02:42:0a:09:00:02");
  inside.change(newAddress(device.index, { address: "10.9.0.2", bits: 20 }));
  inside.change(setUp(device.index));
  inside.change(newDefaultRoute("10.9.0.1"));

  const shown = await here.json("ip", "-d", "-j", "addr", "show", "br-test");
  assertEquals(
    shown[0].addr_info.filter(({ family }: { family: string }) =>
      family === "inet"
    ),
    [{
      ...shown[0].addr_info[0],
      local: "10.9.0.1",
      prefixlen: 20,
      broadcast: "10.9.15.255",
      scope: "global",
      label: "br-test",
    }].map(({ label: _, ...rest }) => ({ ...rest, label: "br-test" })),
  );
  const [veth] = await here.json("ip", "-d", "-j", "link", "show", "veth7");
  assertEquals(
    [veth.master, veth.mtu, veth.linkinfo.info_slave_data.isolated],
    ["br-test", 1400, true],
  );
  const routes = await there.json("ip", "-j", "route");
  assertEquals(
    routes.map(({ dst, gateway, dev }: Record<string, string>) => ({
      dst,
      gateway,
      dev,
    })),
    [
      { dst: "default", gateway: "10.9.0.1", dev: "eth0" },
      { dst: "10.9.0.0/20", gateway: undefined, dev: "eth0" },
    ],
  );
  const listed = inside.list(RTM_ROUTE.RTM_GETROUTE, routeFront())
    .flatMap((route) => parseRoute(route) ?? []);
  assertEquals(listed, [
    {
      to: { address: "0.0.0.0", bits: 0 },
      device: device.index,
      gateway: "10.9.0.1",
    },
    { to: { address: "10.9.0.0", bits: 20 }, device: device.index },
  ]);
  await there.does("busybox", "ping", "-c1", "-W2", "10.9.0.1");

  netlink.change(deleteLink("veth7"));
  assertThrows(() => linkNamed(inside, "eth0"), SyscallError, "ENODEV");
});

test("what the kernel refuses is an error with its errno and its words", async () => {
  await using here = await NetworkNamespace.make();
  using netlink = here.netlink();
  netlink.change(newBridge({ name: "br-test" }));
  assertThrows(
    () => netlink.change(newBridge({ name: "br-test" })),
    NetlinkError,
    "EEXIST",
  );
  assertThrows(
    () => netlink.change(newDefaultRoute("10.9.0.1")),
    NetlinkError,
    "ENETUNREACH): Nexthop has invalid gateway",
  );
  assertThrows(
    () => netlink.change(newBridge({ name: "a-name-with-20-bytes" })),
    NetlinkError,
    "Attribute failed policy validation",
  );
  // The next request gets its own answer.
  assertEquals(linkNamed(netlink, "br-test").kind, "bridge");
});

/** What nft(8) shows of the table, without the lines of its own. */
const ruleset = async (namespace: NetworkNamespace) =>
  (await namespace.does("nft", "list", "ruleset"))
    .split("\n").map((line) => line.trim()).filter(Boolean);

const NETWORK = {
  bridge: "br-test",
  subnet: { address: "172.18.0.0", bits: 16 },
  internal: true,
  masquerade: true,
};

const PORTS = [
  {
    protocol: "tcp" as const,
    hostPort: 8080,
    address: "172.18.0.2",
    port: 80,
  },
  {
    protocol: "udp" as const,
    hostAddress: "192.0.2.1",
    hostPort: 53,
    address: "172.18.0.3",
    port: 5353,
  },
];

test("the firewall's table is as nft shows it", async () => {
  await using here = await NetworkNamespace.make();
  using netlink = here.netlink("netfilter");
  netlink.batch(batchOf(makeTable()));
  const empty = await ruleset(here);
  netlink.batch(batchOf([...addNetwork(NETWORK), ...addPorts(PORTS)]));
  const shown = (await ruleset(here)).join("\n");
  for (
    const text of [
      "table ip container {",
      'elements = { "br-test" }',
      'elements = { "br-test" . "br-test" }',
      "elements = { 172.18.0.0/16 }",
      "elements = { tcp . 8080 : 172.18.0.2 . 80 }",
      "elements = { 192.0.2.1 . udp . 53 : 172.18.0.3 . 5353 }",
      "dnat ip to ip daddr . meta l4proto . th dport map @published_at",
      "dnat ip to meta l4proto . th dport map @published",
      "ip daddr != 127.0.0.0/8 fib daddr type local jump publish",
      "iifname != @bridges fib daddr type local jump publish",
      "ip saddr @masqueraded oifname != @bridges masquerade",
      "ct state established,related accept",
      "iifname . oifname @same accept",
      "iifname @internal drop",
      "oifname @bridges drop",
    ]
  ) assertEquals(shown.includes(text), true, `${text}\nis not in\n${shown}`);
  netlink.batch(batchOf([...removePorts(PORTS), ...removeNetwork(NETWORK)]));
  assertEquals(await ruleset(here), empty);
});

test("a batch is carried out as a whole or not at all", async () => {
  await using here = await NetworkNamespace.make();
  using netlink = here.netlink("netfilter");
  netlink.batch(batchOf(makeTable()));
  const before = await ruleset(here);
  assertThrows(
    () =>
      netlink.batch(batchOf([...addNetwork(NETWORK), ...removePorts(PORTS)])),
    NetlinkError,
    "ENOENT",
  );
  assertEquals(await ruleset(here), before);
  netlink.batch(batchOf(addNetwork(NETWORK)));
});
