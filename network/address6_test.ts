// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  addressBytes6,
  addressNumber6,
  addressOfNumber6,
  contains6,
  localSubnet,
  overlaps6,
  parseSubnet6,
} from "./address6.ts";

Deno.test("IPv6 addresses are read and written as RFC 5952 has them", () => {
  for (
    const [text, short] of [
      ["::", "::"],
      ["::1", "::1"],
      ["FD00:0:0:1:0:0:0:2", "fd00:0:0:1::2"],
      ["fd00::0.0.0.5", "fd00::5"],
      ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ] as const
  ) assertEquals(addressOfNumber6(addressNumber6(text)!), short);
  for (const text of ["", "1", "::1::", "g::", "1.2.3.4", "::1]@x[::1"]) {
    assertEquals(addressNumber6(text), null, text);
  }
  assertEquals(addressBytes6("fd00::102").toHex(), `fd${"00".repeat(13)}0102`);
});

Deno.test("IPv6 networks contain and overlap", () => {
  const net = parseSubnet6("fd00:1::5/64")!;
  assertEquals(net, { address: "fd00:1::", bits: 64 });
  assertEquals(contains6(net, "fd00:1::ffff"), true);
  assertEquals(contains6(net, "fd00:1:0:1::"), false);
  assertEquals(overlaps6(net, parseSubnet6("fd00::/16")!), true);
  assertEquals(overlaps6(net, parseSubnet6("fd01::/16")!), false);
  assertEquals(parseSubnet6("fd00::/129"), null);
  assertEquals(localSubnet("0123456789abcdef"), {
    address: "fd01:2345:6789:abcd::",
    bits: 64,
  });
});
