// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { isStatic, mountsBelow, openWorkspace } from "./workspace.ts";

Deno.test("mountsBelow() finds mounts below a directory, not next to it", () => {
  const line = (path: string) =>
    `36 35 98:0 / ${path} rw,noatime shared:1 - ext3 /dev/root rw`;
  const mountinfo = ["/", "/a", "/a/proc", "/ab", "/a/with\\040space"]
    .map(line).join("\n") + "\n";
  assertEquals(mountsBelow(mountinfo, "/a"), [
    "/a",
    "/a/proc",
    "/a/with space",
  ]);
});

Deno.test("isStatic() finds an interpreter in the program headers", () => {
  const elf = (type: number) => {
    const bytes = new Uint8Array(64 + 56);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0x20, 64n, true);
    view.setUint16(0x36, 56, true);
    view.setUint16(0x38, 1, true);
    view.setUint32(64, type, true);
    return bytes;
  };
  assertEquals(isStatic(elf(1)), true);
  assertEquals(isStatic(elf(3)), false);
  assertEquals(isStatic(new TextEncoder().encode("#!/bin/sh\n")), false);
});

Deno.test("openWorkspace() leaves nothing when its stack is disposed", async () => {
  const source = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${source}/bin`);
    await Deno.symlink("/bin/busybox", `${source}/bin/true`);
    let dir: string;
    {
      await using cleanup = new AsyncDisposableStack();
      const { signal } = new AbortController();
      const workspace = await openWorkspace({
        rootfs: source,
        signal,
        cleanup,
      });
      dir = workspace.dir;
      const link = await Deno.readLink(`${workspace.rootfs}/bin/true`);
      assertEquals(link, "/bin/busybox");
    }
    const gone = await Deno.lstat(dir).then(() => false, () => true);
    assertEquals(gone, true);
  } finally {
    await Deno.remove(source, { recursive: true });
  }
});
