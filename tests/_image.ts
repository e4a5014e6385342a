/** Images of the root filesystem, and the loop devices that use them. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { execute, hasProgram, rootfs, until } from "./_harness.ts";

/** How an image is made from a directory. */
export const KINDS: Record<string, { tool: string; make: string }> = {
  squashfs: {
    tool: "mksquashfs",
    make: 'mksquashfs "$1" "$2" -quiet -noappend -no-progress',
  },
  erofs: { tool: "mkfs.erofs", make: 'mkfs.erofs "$2" "$1"' },
  ext4: {
    tool: "mkfs.ext4",
    make: 'truncate -s 32M "$2"; mkfs.ext4 -q -d "$1" "$2"',
  },
};

const FILE_SYSTEMS = Deno.readTextFileSync("/proc/filesystems");

/**
 * The reason to skip a test because a kind cannot be made or mounted here, or
 * null.
 */
export function missing(...kinds: string[]): string | null {
  for (const kind of kinds) {
    const { tool } = KINDS[kind]!;
    if (!hasProgram(tool)) return `${tool} is not installed`;
    if (!new RegExp(`\\t${kind}$`, "m").test(FILE_SYSTEMS)) {
      return `this kernel has no ${kind}`;
    }
  }
  try {
    Deno.statSync("/dev/loop-control");
  } catch {
    return "no loop devices";
  }
  return null;
}

/** Makes an image of the root filesystem. */
export async function makeImage(kind: string, into: string): Promise<string> {
  const path = `${into}/image.of-some-kind`;
  const { status, stderr } = await execute([
    ...["sh", "-ec", KINDS[kind]!.make, "sh", rootfs(), path],
  ]);
  assertEquals(status, 0, stderr);
  return path;
}

/** The loop devices that use a file. */
function loopsOf(image: string): string[] {
  return [...Deno.readDirSync("/sys/block")].flatMap(({ name }) => {
    try {
      const file = `/sys/block/${name}/loop/backing_file`;
      return Deno.readTextFileSync(file).trim() === image ? [name] : [];
    } catch {
      return [];
    }
  });
}

/** Waits until no loop device uses an image. */
export const free = (image: string) =>
  until(`no loop device has ${image}`, () => loopsOf(image).length === 0);
