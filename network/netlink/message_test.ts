// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { answersIn, NetlinkError } from "./answer.ts";
import {
  type Attribute,
  byte,
  encodeMessage,
  networkWord,
  parseAttributes,
  text,
  textOf,
  valueOf,
  word,
} from "./message.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();
const bytes = (text: string) => Uint8Array.fromHex(text.replace(/\s/g, ""));

Deno.test("encodeMessage() pads attributes, and nests them", () => {
  const attributes: Attribute[] = [
    [3, text("lo")],
    [18, [[1, text("veth")], [2, [[1, byte(7)]]]]],
    [4, word(1400)],
  ];
  assertEquals(
    hex(encodeMessage({ type: 16, flags: 5, sequence: 9 }, {
      front: new Uint8Array([0xaa, 0xbb]),
      attributes,
    })),
    hex(bytes(`
      40000000 1000 0500 09000000 00000000
      aabb0000
      0700 0300 6c6f00 00
      1c00 1280
        0900 0100 7665746800 000000
        0c00 0280 0500 0100 07 000000
      0800 0400 78050000
    `)),
  );
});

Deno.test("parseAttributes() reads what was encoded, without its flags", () => {
  const message = encodeMessage({ type: 1, flags: 0, sequence: 1 }, {
    front: new Uint8Array(4),
    attributes: [[18, [[1, text("bridge")]]], [5, networkWord(258)]],
  });
  const parsed = parseAttributes(message, 20);
  assertEquals(parsed.map(([type]) => type), [18, 5]);
  const inner = parseAttributes(valueOf(parsed, 18)!);
  assertEquals(textOf(valueOf(inner, 1)!), "bridge");
  assertEquals(hex(valueOf(parsed, 5)!), "00000102");
});

Deno.test("parseAttributes() stops at an attribute that is cut off", () => {
  assertEquals(parseAttributes(bytes("0500010007000000 0900020001")), [
    [1, byte(7)],
  ]);
  assertEquals(parseAttributes(bytes("02000100")), []);
});

Deno.test("answersIn() reads acknowledgements, errors with their reason, and objects", () => {
  // The first 16 bytes of the request that is answered.
  const request = "20000000 1000 0506 07000000 00000000";
  const received = bytes(`
    24000000 0200 0001 07000000 00000000  00000000 ${request}
    38000000 0200 0003 08000000 00000000  eaffffff ${request}
      1300 0100 496e76616c696420707265666978 0000
    14000000 1000 0000 09000000 00000000  01020304
    10000000 0300 0000 09000000 00000000
  `);
  assertEquals([...answersIn(received)], [
    { sequence: 7, kind: "error", errno: 0 },
    { sequence: 8, kind: "error", errno: 22, reason: "Invalid prefix" },
    { sequence: 9, kind: "object", type: 16, bytes: bytes("01020304") },
    { sequence: 9, kind: "done" },
  ]);
});

Deno.test("NetlinkError has the errno and the kernel's words", () => {
  const error = new NetlinkError("rtnetlink", 22, "Invalid prefix");
  assertEquals(error.code, "EINVAL");
  assertEquals(
    error.message,
    "Cannot call rtnetlink: invalid argument (EINVAL): Invalid prefix",
  );
});
