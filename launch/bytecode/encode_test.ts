/**
 * Tests of the walker's bytecode, and of the result that it leaves in the
 * header.
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { encodeInstructions } from "./encode.ts";
import { HEADER_SIZE } from "./layout.ts";
import { readOutcome } from "../outcome.ts";

const BASE = 0x100000000n;
const HEADER = 2048;
const STEP = 88;

const viewOf = (bytes: Uint8Array<ArrayBuffer>) => new DataView(bytes.buffer);

Deno.test("encodeInstructions() writes the header", () => {
  const { bytes } = encodeInstructions([{ name: "getpid", args: [] }]);
  const view = viewOf(bytes);
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 4)), "WALK");
  assertEquals(view.getUint32(4, true), 2);
  assertEquals(view.getBigUint64(8, true), BigInt(bytes.length));
  assertEquals(view.getUint32(16, true), 1);
});

Deno.test("encodeInstructions() uses the system call numbers of the architecture", () => {
  const number = (arch: "x86_64" | "aarch64") =>
    viewOf(encodeInstructions([{ name: "mount", args: [] }], arch).bytes)
      .getInt32(HEADER, true);
  assertEquals([number("x86_64"), number("aarch64")], [165, 40]);
});

Deno.test("encodeInstructions() places strings, and argv as pointers that end with null", () => {
  const { bytes } = encodeInstructions([
    { name: "execve", args: ["/bin/é", ["a", "bc"], []] },
  ]);
  const view = viewOf(bytes);
  const at = (address: bigint) => Number(address - BASE);
  const text = (address: bigint) => {
    const start = at(address);
    return new TextDecoder().decode(
      bytes.subarray(start, bytes.indexOf(0, start)),
    );
  };
  const [path, argv, env] = [0, 1, 2].map((i) =>
    view.getBigUint64(HEADER + 8 + 8 * i, true)
  ) as [bigint, bigint, bigint];
  assertEquals(text(path), "/bin/é");
  assertEquals(text(view.getBigUint64(at(argv), true)), "a");
  assertEquals(text(view.getBigUint64(at(argv) + 8, true)), "bc");
  assertEquals(view.getBigUint64(at(argv) + 16, true), 0n);
  assertEquals(view.getBigUint64(at(env), true), 0n);
});

Deno.test("encodeInstructions() stores every string separately", () => {
  const { bytes } = encodeInstructions([
    { name: "mount", args: ["a".repeat(9), "b", "c", 0, null] },
  ]);
  const view = viewOf(bytes);
  const places = [0, 1, 2].map((i) =>
    view.getBigUint64(HEADER + 8 + 8 * i, true)
  );
  assertEquals(new Set(places).size, 3);
  assertEquals(places.map((place) => place % 8n), [0n, 0n, 0n]);
});

Deno.test("encodeInstructions() refers to slots by number", () => {
  const { bytes, slots } = encodeInstructions([
    { name: "getpid", args: [], result: "pid" },
    { name: "kill", args: [{ slot: "pid" }, 0] },
    { name: "ioctl", args: [0, 1, { addressOf: "pid" }] },
  ]);
  const view = viewOf(bytes);
  assertEquals(slots.pid, 0);
  assertEquals(view.getUint16(HEADER + 6, true), 0);
  assertEquals(view.getUint8(HEADER + STEP + 5), 1);
  assertEquals(view.getUint16(HEADER + STEP + 6, true), 0xffff);
  assertEquals(view.getBigUint64(HEADER + 2 * STEP + 24, true), BASE + 64n);
});

Deno.test("encodeInstructions() writes negative arguments as two's complement", () => {
  const { bytes } = encodeInstructions([{ name: "kill", args: [-1, 9] }]);
  assertEquals(viewOf(bytes).getBigInt64(HEADER + 8, true), -1n);
});

Deno.test("encodeInstructions() writes which results count as success", () => {
  const { bytes } = encodeInstructions([{
    name: "ppoll",
    args: [],
    expect: ["EINTR", "EEXIST"],
    want: { result: 0, otherwise: "ESRCH" },
    skipOnSuccess: 3,
    clone: true,
  }]);
  const view = viewOf(bytes);
  assertEquals(view.getUint8(HEADER + 4), 3);
  assertEquals(view.getInt16(HEADER + 56, true), 4);
  assertEquals(view.getInt16(HEADER + 58, true), 17);
  assertEquals(view.getInt16(HEADER + 60, true), 0);
  assertEquals(view.getBigInt64(HEADER + 72, true), 0n);
  assertEquals(view.getUint16(HEADER + 80, true), 3);
  assertEquals(view.getInt32(HEADER + 84, true), 3);
});

Deno.test("encodeInstructions() puts slots that do not fit in the header behind the steps", () => {
  const calls = Array.from({ length: 250 }, (_, i) => ({
    name: "getpid" as const,
    args: i ? [{ addressOf: `slot ${i - 1}` }, "text"] : [],
    result: `slot ${i}`,
  }));
  const few = viewOf(encodeInstructions(calls.slice(0, 248)).bytes);
  const many = viewOf(encodeInstructions(calls).bytes);
  const end = (count: number) => BigInt(HEADER + STEP * count);
  const pointer = (view: DataView, index: number, word: number) =>
    view.getBigUint64(HEADER + STEP * index + 8 + 8 * word, true) - BASE;
  assertEquals(pointer(few, 1, 1), end(248));
  assertEquals(pointer(many, 248, 0), BigInt(HEADER - 8));
  assertEquals(pointer(many, 249, 0), end(250));
  assertEquals(many.getUint16(HEADER + STEP * 249 + 6, true), 249);
  assertEquals(pointer(many, 1, 1), end(250) + 16n);
});

Deno.test("encodeInstructions() refuses a number of a slot that is none", () => {
  const calls = Array.from({ length: 0xffff + 1 }, (_, i) => ({
    name: "getpid" as const,
    args: [],
    result: `slot ${i}`,
  }));
  assertThrows(() => encodeInstructions(calls), RangeError, "65535 slots");
});

Deno.test("encodeInstructions() refuses a NUL inside a string", () => {
  assertThrows(
    () => encodeInstructions([{ name: "chdir", args: ["a\0b"] }]),
    TypeError,
  );
});

Deno.test("readOutcome() reads failure and results", () => {
  const bytecode = encodeInstructions([{
    name: "getpid",
    args: [],
    result: "pid",
  }]);
  const header = bytecode.bytes.slice(0, HEADER_SIZE);
  assertEquals(readOutcome(bytecode, header).failure, null);
  const view = viewOf(header);
  view.setUint32(20, 5, true);
  view.setInt32(24, 13, true);
  view.setUint32(28, 2, true);
  view.setBigInt64(64, -7n, true);
  const outcome = readOutcome(bytecode, header);
  assertEquals(outcome.failure, { index: 5, errno: 13 });
  assertEquals(outcome.slot("pid"), -7);
  assertThrows(() => outcome.slot("other"), RangeError);
});

Deno.test("encodeInstructions() returns the positions of addresses outside the steps", () => {
  const { bytes, pointers } = encodeInstructions([
    { name: "execve", args: ["/bin/sh", ["a", "bc"], []] },
    {
      name: "sendmsg",
      args: [
        4,
        {
          bytes: new Uint8Array(16),
          pointers: [{ at: 8, to: new Uint8Array([7]) }],
        },
        0,
      ],
    },
  ]);
  const view = viewOf(bytes);
  const pointees = pointers.map((at) =>
    bytes[Number(view.getBigUint64(at, true) - BASE)]
  );
  assertEquals(pointees, ["a".charCodeAt(0), "b".charCodeAt(0), 7]);
});
