/** What others do with the firewall: it is mended, and doctor names it. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { container, execute, test as hostTest, without } from "../_harness.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("ip") ?? without("nft") });

const FORWARD = "/proc/sys/net/ipv4/ip_forward";

test("a flush, a missing bridge and lost names are mended by reload or the next start", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/24", "blue");
  const id = await box.detach("web", "-p", "8080:80");
  const other = await box.detach("other");
  const rules = async () =>
    (await execute(["nft", "list", "table", "ip", "container"])).stdout;
  const before = await rules();
  assertStringIncludes(before, "8080");
  await execute(["nft", "flush", "ruleset"]);
  await Deno.writeTextFile(FORWARD, "0");
  await box.does("exec", "web", "sh", "-c", ": > /etc/hosts");
  const shown = await box.does("network", "reload", "--all");
  assertEquals(shown.trim().split("\n").sort(), [id, other].sort());
  assertEquals(await rules(), before);
  assertEquals((await Deno.readTextFile(FORWARD)).trim(), "1");
  await box.does("exec", "web", "ping", "-c1", "-W2", "other");
  // One whose rules alone are gone looks as if it were whole.
  await execute(["nft", "flush", "table", "ip", "container"]);
  assertEquals(await box.does("network", "reload", "web"), `${id}\n`);
  assertEquals(await rules(), before);
  await execute(["nft", "delete", "table", "ip", "container"]);
  await box.does("run", "-q", "--network", "blue", "true");
  assertEquals(await rules(), before);
  const { status, stderr } = await box.call("network", "reload");
  assertEquals(status, 125);
  assertStringIncludes(stderr, "use --all");
});

test("doctor names the chain that refuses to forward, and the cure", async () => {
  const found = async () => {
    const { stdout } = await container(["doctor", "--json"]);
    const { checks } = JSON.parse(stdout);
    return checks.find(({ id }: { id: string }) => id === "forwarding");
  };
  assertEquals((await found()).status, "ok");
  const nft = async (line: string) => {
    const { status, stderr } = await execute(["nft", line]);
    assertEquals(status, 0, stderr);
  };
  const chain = "{ type filter hook forward priority 0; policy drop; }";
  for (
    const [table, name, text] of [
      ["ip filter", "FORWARD", "iptables -P FORWARD ACCEPT"],
      ["inet firewalld", "filter_FORWARD", "firewall-cmd"],
      ["inet mine", "pass", "allow the bridges"],
    ]
  ) {
    await nft(`add table ${table}`);
    await nft(`add chain ${table} ${name} ${chain}`);
    const { status, found: what, cure } = await found();
    assertEquals(status, "warning");
    assertStringIncludes(what, `${table} ${name}`);
    assertStringIncludes(cure, text!);
    await nft(`delete table ${table}`);
  }
  await nft("add table ip filter");
  await nft(`add chain ip filter FORWARD ${chain}`);
  await nft("add chain ip filter DOCKER-USER");
  assertStringIncludes((await found()).cure, "DOCKER-USER");
  await nft("delete table ip filter");
});
