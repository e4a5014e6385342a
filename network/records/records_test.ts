// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import { parseSubnet, subnetText } from "../address.ts";
import { memberOf, membersOf, releaseLease, takeLease } from "./leases.ts";
import { Networks, type NewNetwork } from "./networks.ts";
import { freeSubnet } from "./pools.ts";
import type { NetworkRecord } from "./record.ts";

const wanted = (name: string, more: Partial<NewNetwork> = {}): NewNetwork => ({
  name,
  internal: false,
  icc: true,
  masquerade: true,
  labels: {},
  options: {},
  ...more,
});

const subnet = (text: string) => parseSubnet(text)!;

function withNetworks(work: (networks: Networks) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    work(new Networks(`${directory}/networks`));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const boot = "this boot";
const member = (container: string, address?: string) => ({
  container,
  name: container,
  aliases: [],
  boot,
  address,
});

Deno.test("create() takes docker's pools in their order, without what is routed", () => {
  withNetworks((networks) => {
    const routed = [{ subnet: subnet("172.18.0.0/15"), by: "a VPN" }];
    const made = ["one", "two"].map((name) =>
      networks.create(wanted(name), routed)
    );
    assertEquals(made.map(({ subnet }) => subnetText(subnet)), [
      "172.17.0.0/16",
      "172.20.0.0/16",
    ]);
    assertEquals(made.map(({ gateway }) => gateway), [
      "172.17.0.1",
      "172.20.0.1",
    ]);
    assertEquals(networks.list(), made);
    assertEquals(networks.find("two"), made[1]);
    assertEquals(networks.find(made[0]!.id.slice(0, 12)), made[0]);
  });
});

Deno.test("freeSubnet() goes on in 192.168.0.0/20, and ends", () => {
  const all = [{ subnet: subnet("172.16.0.0/12"), by: "a VPN" }];
  assertEquals(subnetText(freeSubnet(all)), "192.168.0.0/20");
  all.push({ subnet: subnet("192.168.0.0/16"), by: "the office" });
  assertThrows(() => freeSubnet(all), ContainerError, "in use");
});

Deno.test("create() refuses what cannot be, by name", () => {
  withNetworks((networks) => {
    networks.create(wanted("one", { subnet: subnet("10.0.0.0/16") }), []);
    const refused: [NewNetwork, string][] = [
      [wanted("one"), "exists"],
      [wanted("bridge"), "exists"],
      [wanted("host"), "has a meaning"],
      [wanted("-x"), "Invalid network name"],
      [wanted("two", { subnet: subnet("10.0.9.0/24") }), "the network one"],
      [
        wanted("two", { subnet: subnet("10.1.0.0/24") }),
        "a route through tun0",
      ],
      [wanted("two", { subnet: subnet("10.2.0.0/31") }), "too small"],
      [
        wanted("two", { subnet: subnet("10.2.0.0/24"), gateway: "10.3.0.1" }),
        "the gateway 10.3.0.1 is not in it",
      ],
      [
        wanted("two", {
          subnet: subnet("10.2.0.0/24"),
          gateway: "10.2.0.1",
          range: subnet("10.2.1.0/24"),
        }),
        "the range 10.2.1.0/24 is not in it",
      ],
    ];
    const routed = [{
      subnet: subnet("10.1.0.0/16"),
      by: "a route through tun0",
    }];
    for (const [network, text] of refused) {
      const error = assertThrows(() => networks.create(network, routed));
      assertEquals(
        error instanceof ContainerError && error.message.includes(text),
        true,
        `${text}: ${error}`,
      );
    }
    assertEquals(networks.list().length, 1);
  });
});

Deno.test("the default network is a proposal until it is kept", () => {
  withNetworks((networks) => {
    const proposed = networks.default([]);
    assertEquals(proposed.bridge, "container0");
    assertEquals(networks.list(), []);
    assertEquals(networks.keep(proposed), proposed);
    assertEquals(networks.keep(proposed), proposed);
    assertEquals(networks.default([]), proposed);
    assertThrows(
      () => networks.keep({ ...proposed, id: "0", name: "gone" }),
      ContainerError,
      "does not exist: gone",
    );
  });
});

Deno.test("what a killed command has left is removed by the next one", () => {
  withNetworks((networks) => {
    networks.create(wanted("one"), []);
    Deno.mkdirSync(`${networks.path}/.abc`);
    Deno.writeTextFileSync(`${networks.path}/.abc/network.json`, "{");
    assertEquals(networks.list().length, 1);
    networks.create(wanted("two"), []);
    assertThrows(() => Deno.statSync(`${networks.path}/.abc`));
  });
});

/** A network with five addresses for containers. */
function small(networks: Networks): [string, NetworkRecord] {
  const record = networks.create(
    wanted("small", { subnet: subnet("10.0.0.0/29") }),
    [],
  );
  return [networks.directoryOf(record.id), record];
}

Deno.test("takeLease() goes round, and gives no address twice", () => {
  withNetworks((networks) => {
    const [directory, record] = small(networks);
    const take = (container: string, address?: string) =>
      takeLease(directory, record, member(container, address)).address;
    assertEquals(take("a"), "10.0.0.2");
    assertEquals(take("b"), "10.0.0.3");
    releaseLease(directory, "a");
    assertEquals(take("c"), "10.0.0.4");
    assertEquals(take("d", "10.0.0.6"), "10.0.0.6");
    assertEquals([take("e"), take("f")], ["10.0.0.5", "10.0.0.2"]);
    assertThrows(() => take("g"), ContainerError, "10.0.0.0/29 are taken");
    assertThrows(() => take("g", "10.0.0.5"), ContainerError, "has it");
    for (const bad of ["10.0.0.1", "10.0.0.0", "10.0.0.7", "10.0.1.1"]) {
      assertThrows(() => take("g", bad), ContainerError, `address ${bad}`);
    }
    assertEquals(memberOf(directory, "f")!.mac, "02:42:0a:00:00:02");
    assertEquals(membersOf(directory, boot).length, 5);
    releaseLease(directory, "f");
    releaseLease(directory, "f");
    assertEquals(take("g"), "10.0.0.2");
  });
});

Deno.test("takeLease() gives a container that starts again the address that it had", () => {
  withNetworks((networks) => {
    const [directory, record] = small(networks);
    const take = (container: string, address?: string) =>
      takeLease(directory, record, member(container, address)).address;
    assertEquals([take("a"), take("b")], ["10.0.0.2", "10.0.0.3"]);
    assertEquals(take("a"), "10.0.0.2");
    assertEquals(take("a", "10.0.0.5"), "10.0.0.5");
    assertEquals(take("c", "10.0.0.2"), "10.0.0.2");
    assertEquals(membersOf(directory, boot).length, 3);
  });
});

Deno.test("a lease of an earlier boot, or without its description, is over", () => {
  withNetworks((networks) => {
    const [directory, record] = small(networks);
    takeLease(directory, record, { ...member("a"), boot: "earlier" });
    takeLease(directory, record, member("b"));
    Deno.removeSync(`${directory}/members/b`);
    const take = (container: string, address: string) =>
      takeLease(directory, record, member(container, address)).address;
    assertEquals(take("c", "10.0.0.2"), "10.0.0.2");
    assertEquals(take("d", "10.0.0.3"), "10.0.0.3");
    // The undo of the earlier one must not free the address of the later one.
    releaseLease(directory, "a");
    assertThrows(() => take("e", "10.0.0.2"), ContainerError, "has it");
  });
});

Deno.test("remove() refuses a network that a container uses", () => {
  withNetworks((networks) => {
    const [directory, record] = small(networks);
    takeLease(directory, record, member("web"));
    const remove = (now: string) => networks.remove(record, now, () => {});
    assertThrows(() => remove(boot), ContainerError, "web uses it");
    remove("the next boot");
    assertEquals(networks.list(), []);
    assertThrows(
      () => takeLease(directory, record, member("a")),
      ContainerError,
      "does not exist: small",
    );
  });
});

Deno.test("find() does not know what is no network", () => {
  withNetworks((networks) => {
    assertThrows(() => networks.find("x"), ContainerError, "not exist: x");
    assertThrows(() => networks.create(wanted("a b"), []), UsageError);
  });
});
