// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  addressBytes,
  addressNumber,
  addressOfNumber,
  contains,
  networkOf,
  overlaps,
  parseSubnet,
  rangeOf,
  subnetText,
} from "./address.ts";

const subnet = (text: string) => parseSubnet(text)!;

Deno.test("addressNumber() accepts addresses with four octets only", () => {
  assertEquals(addressNumber("172.18.0.2"), 0xac120002);
  assertEquals(addressNumber("255.255.255.255"), 0xffffffff);
  for (
    const text of ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.x"]
  ) assertEquals(addressNumber(text), null, text);
});

Deno.test("addressOfNumber() and addressBytes() are the way back", () => {
  for (const text of ["0.0.0.0", "172.18.0.2", "255.255.255.255"]) {
    assertEquals(addressOfNumber(addressNumber(text)!), text);
    assertEquals([...addressBytes(text)].join("."), text);
  }
});

Deno.test("parseSubnet() refuses what is no network", () => {
  assertEquals(parseSubnet("10.0.0.0/8"), { address: "10.0.0.0", bits: 8 });
  for (const text of ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/x"]) {
    assertEquals(parseSubnet(text), null, text);
  }
});

Deno.test("rangeOf(), networkOf(), overlaps() and contains() agree", () => {
  assertEquals(
    rangeOf(subnet("192.168.16.9/20")).map(addressOfNumber),
    ["192.168.16.0", "192.168.31.255"],
  );
  assertEquals(rangeOf(subnet("0.0.0.0/0")), [0, 0xffffffff]);
  assertEquals(subnetText(networkOf(subnet("10.1.2.3/24"))), "10.1.2.0/24");
  assertEquals(overlaps(subnet("10.0.0.0/8"), subnet("10.9.0.0/16")), true);
  assertEquals(overlaps(subnet("10.0.0.0/16"), subnet("10.1.0.0/16")), false);
  assertEquals(contains(subnet("10.1.0.0/16"), "10.1.255.255"), true);
  assertEquals(contains(subnet("10.1.0.0/16"), "10.2.0.0"), false);
});
