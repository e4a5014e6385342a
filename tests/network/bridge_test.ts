/** Containers in networks with a bridge: addresses, names, isolation, the way out. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { execute, test as hostTest, until, without } from "../_harness.ts";
import { NetworkBox } from "./_network_box.ts";
import { NetworkNamespace } from "./_namespace.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("ip") ?? without("nft") });

const FORWARD = "/proc/sys/net/ipv4/ip_forward";

test("a container has an address of its network, a gateway and names", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/24", "blue");
  const shown = await box.does(
    ...["run", "-q", "--network", "blue", "-h", "box"],
    ...[
      "sh",
      "-c",
      "ip addr show eth0; ip route; cat /etc/hosts; ping -c1 10.9.0.1",
    ],
  );
  for (
    const text of [
      "inet 10.9.0.2/24 brd 10.9.0.255",
      "link/ether 02:42:0a:09:00:02",
      "default via 10.9.0.1 dev eth0",
      "10.9.0.2\tbox ",
      "127.0.0.1\tlocalhost",
      "1 packets received",
    ]
  ) assertStringIncludes(shown, text);
  assertEquals(await box.leases(), []);
});

test("containers find each other by name, alias and short ID while they run", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  const id = await box.detach("web", "--network-alias", "w");
  const other = await box.detach("other");
  const hosts = (name: string) => box.does("exec", name, "cat", "/etc/hosts");
  assertStringIncludes(await hosts("other"), `web w ${id.slice(0, 12)}\n`);
  assertStringIncludes(await hosts("web"), `other ${other.slice(0, 12)}\n`);
  for (const name of ["web", "w", id.slice(0, 12)]) {
    await box.does("exec", "other", "ping", "-c1", "-W2", name);
  }
  await box.does("rm", "-f", "web");
  assertEquals((await hosts("other")).includes("web"), false);
  const [shown] = JSON.parse(await box.does("network", "inspect", "blue"));
  assertEquals(
    Object.values(shown.Containers as { Name: string }[]).map(({ Name }) =>
      Name
    ),
    ["other"],
  );
  const [inspected] = JSON.parse(await box.does("inspect", "other"));
  const { IPAddress, Gateway } = inspected.NetworkSettings.Networks.blue;
  assertEquals([IPAddress, Gateway], ["172.17.0.3", "172.17.0.1"]);
});

test("a container reaches other hosts with the host's address, and they do not reach it", async () => {
  await using box = new NetworkBox();
  await using outside = await box.neighbour("192.0.2");
  await box.does("network", "create", "blue");
  await box.detach("web");
  const { seen } = await outside.listen(7000);
  await box.does(
    ...["exec", "web", "sh", "-c", "echo hello | nc -w 3 192.0.2.2 7000"],
  );
  assertStringIncludes(await seen, "192.0.2.1");
  // A neighbour that knows the way is refused.
  await outside.namespace.does(
    ...["ip", "route", "add", "172.16.0.0/12", "via", "192.0.2.1"],
  );
  const { status } = await execute(
    outside.namespace.words("busybox", "ping", "-c1", "-W1", "172.17.0.2"),
  );
  assertEquals(status, 1);
});

test("containers of different networks and of an internal one are apart", async () => {
  await using box = new NetworkBox();
  await using outside = await box.neighbour("192.0.2");
  await box.does("network", "create", "blue");
  await box.does("network", "create", "red");
  await box.does("network", "create", "--internal", "db");
  await box.does(
    "network",
    "create",
    "-o",
    "com.docker.network.bridge.enable_icc=false",
    "apart",
  );
  await box.detach("web");
  const from = async (network: string, to: string) => {
    const { status } = await box.call(
      ...["run", "-q", "--network", network, "ping", "-c1", "-W1", to],
    );
    return status === 0;
  };
  assertEquals(await from("blue", "172.17.0.2"), true);
  assertEquals(await from("red", "172.17.0.2"), false);
  assertEquals(await from("blue", "192.0.2.2"), true);
  assertEquals(await from("db", "192.0.2.2"), false);
  await box.detach("first", "--network", "apart");
  assertEquals(await from("apart", "172.20.0.2"), false);
  const both = await box.does(
    ...["run", "-q", "--network", "db", "--network", "red", "ip", "route"],
  );
  assertStringIncludes(both, "default via 172.18.0.1 dev eth1");
  assert(outside.namespace.pid);
});

test("a thing that cannot be is refused in one line, and nothing is left", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/29", "blue");
  const before = await box.leases();
  const refused: [string[], string][] = [
    [["network", "create", "blue"], "a network with this name exists"],
    [
      ["network", "create", "--subnet", "10.9.0.0/24", "x"],
      "overlaps with 10.9.0.0/29 of the network blue",
    ],
    [
      ["network", "create", "--subnet", "10.9", "x"],
      "not an IPv4 or IPv6 network",
    ],
    [["network", "create", "--driver", "macvlan", "x"], "only driver"],
    [["network", "create", "-o", "what=1", "x"], "unknown option"],
    [["network", "create", "--gateway", "10.9.0.1", "x"], "requires --subnet"],
    [["network", "rm", "nosuch"], "Network does not exist: nosuch"],
    [["network", "rm", "bridge"], "it is the default"],
    [["run", "--network", "nosuch", "true"], "Network does not exist"],
    [
      ["run", "--network", "blue", "--ip", "10.8.0.1", "true"],
      "it is not in 10.9.0.0/29",
    ],
    [["run", "--network", "blue", "--ip", "x", "true"], "not an IPv4 address"],
    [
      [
        "run",
        "--network",
        "blue",
        "--mac-address",
        "01:00:00:00:00:00",
        "true",
      ],
      "of one device",
    ],
    [
      ["run", "--network", "bridge", "--network-alias", "x", "true"],
      "do not find each other",
    ],
    [["run", "--network", "blue", "--network", "blue", "true"], "given twice"],
  ];
  for (const [argv, text] of refused) {
    const { status, stderr } = await box.call(...argv);
    assertEquals([status, stderr.trim().split("\n").length], [125, 1], stderr);
    assertStringIncludes(stderr, text);
  }
  await box.does("run", "-q", "--network", "blue", "true");
  await box.detach("web", "--ip", "10.9.0.5");
  const { status, stderr } = await box.call(
    ...["run", "-q", "--network", "blue", "--ip", "10.9.0.5", "true"],
  );
  assertEquals(status, 125);
  assertStringIncludes(stderr, "a container of the network blue has it");
  await box.does("rm", "-f", "web");
  assertEquals(await box.leases(), before);
});

test("ip_forward is set with the first container and set back with the last", async () => {
  await Deno.writeTextFile(FORWARD, "0");
  const read = () => Deno.readTextFileSync(FORWARD).trim();
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  await box.detach("one");
  await box.detach("two");
  assertEquals(read(), "1");
  await box.does("rm", "-f", "one");
  assertEquals(read(), "1");
  await box.does("rm", "-f", "two");
  assertEquals(read(), "0");
});

test("what a killed run has taken is given back by the next one", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  const run = new Deno.Command(box.words()[0]!, {
    args: [
      ...box.words(...["run", "-q", "--network", "blue", "sleep", "1000"])
        .slice(1),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("a lease", async () => (await box.leases()).length === 1);
  await until(
    "a device",
    async () => (await box.ip("link")).includes("master br-"),
  );
  run.kill("SIGKILL");
  await run.status;
  await box.does("run", "-q", "--network", "blue", "true");
  assertEquals(await box.leases(), []);
  await until(
    "no device",
    async () => !(await box.ip("link")).includes("veth"),
  );
});

test("containers that start at once get addresses of their own, and leave nothing", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/28", "blue");
  const shown = await Promise.all(
    Array.from({ length: 8 }, () =>
      box.does(
        ...["run", "-q", "--network", "blue"],
        ...["sh", "-c", "ip -4 -o addr show eth0; sleep 0.3"],
      )),
  );
  const addresses = shown.map((text) => text.match(/inet (\S+)/)?.[1]);
  assertEquals(new Set(addresses).size, 8, addresses.join(" "));
  assertEquals(await box.leases(), []);
});

test("a container that is started again is in its network again", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  await box.detach("web", "--network-alias", "w", "-v", "/etc:/mnt");
  await box.does("stop", "-t", "0", "web");
  await box.does("run", "-q", "--network", "blue", "true");
  await box.does("start", "web");
  const hosts = await box.does("exec", "web", "cat", "/etc/hosts");
  assertMatch(hosts, /172\.17\.0\.\d+\t\w+ web w\b/);
  await box.does("exec", "web", "ping", "-c1", "-W2", "172.17.0.1");
  await box.does("stop", "-t", "0", "web");
  assertEquals(await box.leases(), []);
  await box.does("start", "web");
  const { status, stderr } = await box.call("network", "rm", "blue");
  assertEquals(status, 125);
  assertStringIncludes(stderr, "web uses it. Remove the containers first");
  await box.does("stop", "-t", "0", "web");
  await box.does("network", "rm", "blue");
  await box.does("rm", "web");
  assertEquals(await box.leases(), []);
});

test("a flush by somebody else is mended by the next container", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  await box.detach("one");
  await execute(["nft", "flush", "ruleset"]);
  await box.does("run", "-q", "--network", "blue", "true");
  const { stdout } = await execute(["nft", "list", "table", "ip", "container"]);
  assertStringIncludes(stdout, "172.17.0.0/16");
});

test("network ls, prune and the default network behave as docker's", async () => {
  await using box = new NetworkBox();
  const names = async (...flags: string[]) =>
    JSON.parse(await box.does("network", "ls", "--format", "json", ...flags))
      .map(({ name }: { name: string }) => name);
  await box.does("network", "create", "--label", "stage=test", "blue");
  await box.does("run", "-q", "--network", "bridge", "true");
  assertEquals(await names(), ["blue", "bridge", "host", "none"]);
  assertEquals(await names("-f", "label=stage=test"), ["blue"]);
  assertStringIncludes(await box.ip("link"), "container0");
  assertEquals(
    await box.does("network", "prune", "-f"),
    "Deleted Networks:\nblue\n",
  );
  assertEquals((await box.ip("link")).includes("container0"), false);
  assertEquals(await names(), ["bridge", "host", "none"]);
  await box.does("run", "-q", "--network", "default", "true");
});

test("explain prints what joining does, and changes nothing", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  const text = await box.does(
    ...["explain", "run", "--about", "network", "--network", "blue", "sh"],
  );
  for (
    const part of [
      "take the next free address of 172.17.0.0/16 in the network blue",
      "give the address back",
      "create the bridge br-",
      "connect eth0 inside with br-",
    ]
  ) assertStringIncludes(text.replace(/\s+/g, " "), part);
  assertEquals((await box.ip("link")).includes("br-"), false);
  assertEquals(await box.leases(), []);
});

test("nothing of ours is in a namespace without networks", async () => {
  await using other = await NetworkNamespace.make();
  assertEquals(await other.does("nft", "list", "ruleset"), "");
});
