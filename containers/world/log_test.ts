/** The log of a World, and the real World behind it. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { SyscallError } from "../../ffi/errno.ts";
import { digestOf, logged, ReadLog } from "./log.ts";
import { madeUpWorld } from "./made_up.ts";
import { THIS_MACHINE } from "./real_world.ts";

Deno.test("logged() notes each read once, with its result or its errno", () => {
  const log = new ReadLog();
  const world = logged(madeUpWorld({ files: { "/a": "text" } }), log);
  assertEquals(world.readText("/a"), "text");
  assertEquals(world.readText("/a"), "text");
  assertThrows(() => world.stat("/b"), SyscallError, "ENOENT");
  {
    using root = world.openDirectory("/");
    assertEquals(root.readText("/c"), null);
  }
  assertEquals(log.reads, [
    { kind: "readText", of: ["/a"], answer: "text" },
    { kind: "stat", of: ["/b"], answer: { refused: "ENOENT" } },
    { kind: "openDirectory", of: ["/"], answer: "/" },
    { kind: "in.readText", of: ["/", "/c"], answer: null },
  ]);
});

Deno.test("logged() does not note random numbers, which are secrets", () => {
  const log = new ReadLog();
  logged(THIS_MACHINE, log).random();
  assertEquals(log.reads, []);
});

Deno.test("digestOf() is equal for equal answers only", async () => {
  const digest = (answer: Parameters<typeof digestOf>[0]["answer"]) =>
    digestOf({ kind: "stat", of: ["/"], answer });
  assertEquals(await digest({ a: 1, b: 2 }), await digest({ b: 2, a: 1 }));
  assertNotEquals(await digest("1"), await digest(1));
  assertNotEquals(
    await digest(new Uint8Array([1])),
    await digest(new Uint8Array([2])),
  );
});

Deno.test("THIS_MACHINE reports the errno of every kind of read that fails", () => {
  const missing = "/no/such/path";
  for (
    const [read, code] of [
      [() => THIS_MACHINE.stat(missing), "ENOENT"],
      [() => THIS_MACHINE.lstat(missing), "ENOENT"],
      [() => THIS_MACHINE.realPath(missing), "ENOENT"],
      [() => THIS_MACHINE.readLink("/"), "EINVAL"],
      [() => THIS_MACHINE.readText("/"), "EISDIR"],
      [() => THIS_MACHINE.readPart(missing, 0, 1), "ENOENT"],
      [() => THIS_MACHINE.readDirectory(missing), "ENOENT"],
      [() => THIS_MACHINE.openDirectory("/proc/version"), "ENOTDIR"],
    ] as const
  ) {
    const error = assertThrows(read, SyscallError);
    assertEquals(error.code, code, read.toString());
  }
  assertEquals(THIS_MACHINE.access(missing, "exists"), false);
  assertEquals(THIS_MACHINE.descriptor(1_000_000), null);
});

Deno.test("an open directory follows links inside it only", () => {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    Deno.mkdirSync(`${path}/etc`);
    Deno.writeTextFileSync(`${path}/etc/inside`, "inside");
    Deno.symlinkSync("/etc/inside", `${path}/absolute`);
    Deno.symlinkSync("../../../etc/inside", `${path}/etc/above`);
    Deno.symlinkSync("/etc/nothing", `${path}/broken`);
    for (
      const world of [
        THIS_MACHINE,
        madeUpWorld({
          files: {
            [`${path}/etc/inside`]: "inside",
            [`${path}/absolute`]: { to: "/etc/inside" },
            [`${path}/etc/above`]: { to: "../../../etc/inside" },
            [`${path}/broken`]: { to: "/etc/nothing" },
          },
        }),
      ]
    ) {
      using root = world.openDirectory(path);
      assertEquals(root.path, path);
      assertEquals(root.readText("/absolute"), "inside");
      assertEquals(root.readText("/etc/above"), "inside");
      assertEquals(root.readText("/etc"), null);
      assertEquals(root.stat("/broken"), null);
      assertEquals(root.lstat("/broken")?.type, "link");
      assertEquals(root.readLink("/broken"), "/etc/nothing");
      assertEquals(root.readLink("/missing/link"), null);
      assertEquals(root.hasEntries("/etc"), true);
      assertEquals(root.exists("/etc"), true);
      assertEquals(root.exists("/missing"), false);
    }
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});
