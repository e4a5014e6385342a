// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { decode, encode } from "./dbus.ts";

Deno.test("encode() writes a message that decode() reads", () => {
  const bytes = encode({
    destination: "org.example",
    path: "/org/example",
    interface: "org.example.Thing",
    member: "Do",
    signature: "su",
    body(writer) {
      writer.string("word");
      writer.uint32(7);
    },
  }, 3);
  assertEquals(decode(bytes, true), {
    kind: "call",
    replyTo: null,
    name: "Do",
    words: ["word"],
  });
  // The body's length and the serial are at the offsets of the specification.
  const view = new DataView(bytes.buffer);
  assertEquals([view.getUint32(4, true), view.getUint32(8, true)], [16, 3]);
});
