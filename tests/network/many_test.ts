/** Many containers on one network, and a machine that starts again. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { execute, test as hostTest, until, without } from "../_harness.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("ip") ?? without("nft") });

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const FORWARD = "/proc/sys/net/ipv4/ip_forward";

/** So many come and go, and so many at once. `MANY=1000 AT_ONCE=50` by hand. */
const MANY = Number(Deno.env.get("MANY") ?? 16);
const AT_ONCE = Number(Deno.env.get("AT_ONCE") ?? 8);

test("containers that come and go leave no address, device, rule or name", async () => {
  await using box = new NetworkBox();
  await Deno.writeTextFile(FORWARD, "0");
  await box.does("network", "create", "--subnet", "10.9.0.0/22", "blue");
  await box.detach("web");
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < MANY) {
      const name = `box${next++}`;
      const how = next % 2 ? ["-d", "--rm"] : ["--rm"];
      await box.does(
        ...["run", "-q", ...how, "--name", name, "--network", "blue"],
        ...["sh", "-c", "ping -c1 -W5 web >/dev/null"],
      );
    }
  }));
  await until(
    "only web is left",
    async () => (await box.does("ps", "-aq")).trim().split("\n").length === 1,
  );
  assertEquals((await box.leases()).length, 1);
  const hosts = await box.does("exec", "web", "cat", "/etc/hosts");
  assertEquals(hosts.includes("box"), false, hosts);
  await box.does("rm", "-f", "web");
  assertEquals(await box.leases(), []);
  assertEquals((await Deno.readTextFile(FORWARD)).trim(), "0");
});

test("after a restart of the machine everything comes back by start", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "--subnet", "10.9.0.0/24", "blue");
  await box.detach("web", "--ip", "10.9.0.7");
  await box.detach("other");
  const inspected = JSON.parse(await box.does("inspect", "web", "other"));
  const pids = inspected.flatMap((
    { KeeperPid, State }: { KeeperPid: number; State: { Pid: number } },
  ) => [`${KeeperPid}`, `${State.Pid}`]);
  await execute(["kill", "-9", ...pids]);
  await until(
    "no device",
    async () => !(await box.ip("link")).includes("veth"),
  );
  const [, bridge = ""] = /(br-[0-9a-f]+)/.exec(await box.ip("link")) ?? [];
  await execute(["ip", "link", "del", bridge]);
  await execute(["nft", "delete", "table", "ip", "container"]);
  await Deno.writeTextFile(FORWARD, "0");
  const boot = `${box.dir.path}/boot_id`;
  await Deno.writeTextFile(boot, `${crypto.randomUUID()}\n`);
  assertEquals((await execute(["mount", "--bind", boot, BOOT_ID])).status, 0);
  try {
    // Nothing of the earlier life holds an address.
    await box.does(
      "run",
      "-q",
      "--network",
      "blue",
      "--ip",
      "10.9.0.7",
      "true",
    );
    await box.does("start", "web", "other");
    const shown = await box.does(
      ...["exec", "other", "sh", "-c"],
      "ping -c1 -W2 web; cat /etc/hosts",
    );
    assertStringIncludes(shown, "10.9.0.7\tweb ");
    assertStringIncludes(shown, "1 packets received");
    await box.does("rm", "-f", "web", "other");
    assertEquals(await box.leases(), []);
    assertEquals((await Deno.readTextFile(FORWARD)).trim(), "0");
  } finally {
    await execute(["umount", BOOT_ID]);
  }
});
