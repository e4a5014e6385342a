/** linux.netDevices: interfaces of the host that move into a container. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { execute, test as hostTest, without } from "../_harness.ts";

const ip = async (...args: string[]) => {
  const { status, stdout, stderr } = await execute(["ip", ...args]);
  assertEquals(status, 0, `ip ${args.join(" ")}: ${stderr}`);
  return stdout;
};

/** Why no unused device can be made here, or null. */
function noVeth(): string | null {
  const missing = without("ip");
  if (missing) return missing;
  const make = (action: string) =>
    new Deno.Command("ip", {
      args: ["link", action, "cntprobe", "type", "veth"],
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  return make("add") && make("del") ? null : "no veth(4) here";
}

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: Deno.uid() === 0 ? noVeth() : null });

/** A network device of the host, which is removed after the test. */
class Device implements AsyncDisposable {
  private constructor(readonly name: string) {}
  static async make(name: string): Promise<Device> {
    await ip("link", "add", name, "type", "veth", "peer", "name", `${name}p`);
    const made = new Device(name);
    await ip("link", "set", name, "mtu", "1400", "address", MAC);
    await ip("addr", "add", "192.0.2.7/24", "dev", name);
    await ip("-6", "addr", "add", "2001:db8::7/64", "dev", name, "nodad");
    await ip("link", "set", name, "up");
    return made;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await execute(["ip", "link", "del", this.name]);
  }
}

const MAC = "02:00:00:00:00:07";
const NAME = "cnttest0";

const bundleWith = (
  netDevices: Record<string, { name?: string }>,
  change: (config: Config) => void = () => {},
) =>
  Bundle.make(["sleep", "1000"], (config) => {
    config.linux.netDevices = netDevices;
    change(config);
  });

test("a device moves with its addresses, under another name, and is up", async () => {
  await using _device = await Device.make(NAME);
  await using bundle = await bundleWith({ [NAME]: { name: "inner0" } });
  await bundle.create("one");
  const { pid } = JSON.parse(await bundle.does("state", "one"));
  const inside = await execute([
    ...["nsenter", "-t", String(pid), "-n", "ip", "addr", "show", "inner0"],
  ]);
  assertEquals(inside.status, 0, inside.stderr);
  for (
    const text of [
      "mtu 1400",
      MAC,
      "inet 192.0.2.7/24",
      "inet6 2001:db8::7/64",
      ",UP",
    ]
  ) assertStringIncludes(inside.stdout, text);
  assert((await execute(["ip", "link", "show", NAME])).status !== 0);
  await bundle.does("delete", "--force", "one");
});

test("create that fails gives the devices back unchanged", async () => {
  await using _device = await Device.make(NAME);
  const look = async () =>
    (await ip("addr", "show", NAME)).match(
      /mtu \d+|link\/ether \S+|inet6? 2?\S+|\bUP\b/g,
    );
  const before = await look();
  const failures: [
    string,
    Record<string, { name?: string }>,
    (
      config: Config,
    ) => void,
  ][] = [
    ["cntnone0", { [NAME]: {}, cntnone0: {} }, () => {}],
    [
      "a device with this name exists already",
      { [NAME]: { name: "lo" } },
      () => {},
    ],
    ["createRuntime", { [NAME]: { name: "inner0" } }, (config) => {
      config.hooks = { createRuntime: [{ path: "/bin/false" }] };
    }],
    ["needs a network namespace", { [NAME]: {} }, (config) => {
      const namespaces = config.linux.namespaces as { type: string }[];
      config.linux.namespaces = namespaces.filter(({ type }) =>
        type !== "network"
      );
    }],
  ];
  for (const [text, devices, change] of failures) {
    await using bundle = await bundleWith(devices, change);
    const { status, stderr } = await bundle.call(
      "create",
      "--bundle",
      bundle.dir.path,
      "one",
    );
    assertEquals(status, 125);
    assertStringIncludes(stderr, text);
    assertEquals(await look(), before, text);
  }
});
