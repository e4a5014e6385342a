// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError } from "../spec/errors.ts";
import type { DeviceRule } from "../spec/resources.ts";
import {
  DEFAULT_DEVICE_RULES,
  deviceProgram,
  deviceWrites,
  splitDevice,
} from "./devices.ts";

type Request = {
  type: "b" | "c";
  major: number;
  minor: number;
  access: string;
};

/** Interprets the instructions that our programs use, like the kernel. */
function runs(
  program: Uint8Array<ArrayBuffer>,
  { type, major, minor, access }: Request,
): boolean {
  const view = new DataView(program.buffer);
  const bits = [...access].reduce(
    (all, letter) => all | { m: 1, r: 2, w: 4 }[letter]!,
    0,
  );
  const context = [bits << 16 | { b: 1, c: 2 }[type], major, minor];
  const r = Array<number>(11).fill(0);
  for (let pc = 0;; pc++) {
    const code = view.getUint8(pc * 8);
    const to = view.getUint8(pc * 8 + 1) & 15;
    const from = view.getUint8(pc * 8 + 1) >> 4;
    const offset = view.getInt16(pc * 8 + 2, true);
    const value = view.getInt32(pc * 8 + 4, true);
    if (code === 0x61) r[to] = context[offset / 4]!;
    else if (code === 0x57) r[to]! &= value;
    else if (code === 0x77) r[to]! >>>= value;
    else if (code === 0xb7) r[to] = value;
    else if (code === 0xbf) r[to] = r[from]!;
    else if (code === 0x55) pc += r[to] !== value ? offset : 0;
    else if (code === 0x15) pc += r[to] === value ? offset : 0;
    else if (code === 0x95) return r[0] === 1;
    else throw new TypeError(`Cannot run instruction ${code}`);
  }
}

const ask = (rules: readonly DeviceRule[], words: string): boolean => {
  const [type, numbers = "", access = ""] = words.split(" ");
  const [major = 0, minor = 0] = numbers.split(":").map(Number);
  return runs(deviceProgram(rules), {
    type: type as "b" | "c",
    major,
    minor,
    access,
  });
};

Deno.test("deviceProgram() allows docker's devices and no other", () => {
  for (
    const words of [
      "c 1:3 rw",
      "c 1:9 r",
      "c 136:7 rw",
      "c 5:2 rw",
      "c 1:11 m",
      "b 8:0 m",
    ]
  ) {
    assertEquals(ask(DEFAULT_DEVICE_RULES, words), true, words);
  }
  for (
    const words of ["c 1:11 r", "b 8:0 r", "b 1:3 r", "c 10:229 w", "c 1:11 rm"]
  ) {
    assertEquals(ask(DEFAULT_DEVICE_RULES, words), false, words);
  }
});

Deno.test("deviceProgram() applies the last rule that fits, for each access letter", () => {
  const rules: DeviceRule[] = [
    { allow: true },
    { allow: false, type: "c", major: 1, minor: 5, access: "w" },
    { allow: false, type: "b", major: 8 },
    { allow: true, type: "b", major: 8, minor: 1, access: "r" },
  ];
  const expected: Record<string, boolean> = {
    "c 1:5 r": true,
    "c 1:5 w": false,
    "c 1:5 rw": false,
    "c 1:6 rw": true,
    "b 8:0 r": false,
    "b 8:1 r": true,
    "b 8:1 rw": false,
    "b 9:0 rwm": true,
  };
  for (const [words, allowed] of Object.entries(expected)) {
    assertEquals(ask(rules, words), allowed, words);
  }
});

Deno.test("deviceProgram() combines the access of several rules", () => {
  const rules: DeviceRule[] = [
    { allow: true, type: "c", access: "r" },
    { allow: true, type: "c", major: 1, access: "w" },
  ];
  assertEquals(ask(rules, "c 1:3 rw"), true);
  assertEquals(ask(rules, "c 2:3 rw"), false);
});

Deno.test("deviceProgram() denies everything without rules and reads -1 as any", () => {
  assertEquals(ask([], "c 1:3 r"), false);
  assertEquals(
    ask(
      [{ allow: true, type: "c", major: -1, minor: -1, access: "rwm" }],
      "c 1:3 r",
    ),
    true,
  );
});

Deno.test("deviceWrites() starts by denying everything", () => {
  const write = (rules: readonly DeviceRule[]) =>
    deviceWrites(rules).map(({ file, value }) => `${file} ${value}`);
  assertEquals(write([]), ["devices.deny a *:* rwm"]);
  assertEquals(write(DEFAULT_DEVICE_RULES).slice(0, 4), [
    "devices.deny a *:* rwm",
    "devices.allow c *:* m",
    "devices.allow b *:* m",
    "devices.allow c 1:3 rwm",
  ]);
  assertEquals(
    write([{ allow: true, type: "c", major: 1, minor: 5 }, {
      allow: false,
      type: "c",
      major: 1,
      minor: 5,
      access: "w",
    }]).at(-1),
    "devices.deny c 1:5 w",
  );
});

Deno.test("deviceWrites() revokes what a wider rule denies", () => {
  assertEquals(
    deviceWrites([
      { allow: true, type: "c", major: 10, minor: 229 },
      { allow: true, type: "b", access: "m" },
      { allow: false },
    ]).slice(1).map(({ file, value }) => `${file} ${value}`),
    [
      "devices.allow c 10:229 rwm",
      "devices.allow b *:* m",
      "devices.deny b *:* rwm",
      "devices.deny c 10:229 rwm",
    ],
  );
});

Deno.test("deviceWrites() refuses an exception that v1 cannot express", () => {
  assertThrows(
    () =>
      deviceWrites([{ allow: true, type: "c" }, {
        allow: false,
        type: "c",
        major: 1,
        minor: 5,
      }]),
    SpecError,
    "c 1:5",
  );
});

Deno.test("splitDevice() reads glibc's dev_t", () => {
  assertEquals(splitDevice(0x103), { major: 1, minor: 3 });
  assertEquals(splitDevice((259 << 8) + 5), { major: 259, minor: 5 });
  assertEquals(splitDevice(0x100800), { major: 8, minor: 256 });
});
