/**
 * The disk of the virtual machine, an ext4 image in the cache: Deno, its
 * libraries and busybox.
 *
 * @module
 */

// @ts-types="../../types/std_path.d.ts"
import { dirname, join } from "@std/path";
import { cacheDirectory, output } from "./kernel.ts";

/** Includes space for new files. The image is a sparse file. */
const SIZE = "1G";

/** The image for this Deno. It is built if the cache has none. */
export async function rootImage(): Promise<string> {
  const deno = await Deno.realPath(Deno.execPath());
  const { size, mtime } = await Deno.stat(deno);
  const name = `root-${Deno.version.deno}-${size}-${mtime?.getTime()}.ext4`;
  const image = join(cacheDirectory(), name);
  if (await Deno.stat(image).then(() => true, () => false)) return image;
  await Deno.mkdir(cacheDirectory(), { recursive: true });
  const tree = await Deno.makeTempDir({ prefix: "container-vm-root-" });
  const draft = `${image}.${Deno.pid}`;
  try {
    await fill(tree, deno);
    await output("mke2fs", [
      "-q",
      "-t",
      "ext4",
      "-d",
      tree,
      "-m",
      "0",
      draft,
      SIZE,
    ]);
    await Deno.rename(draft, image);
  } finally {
    await Deno.remove(tree, { recursive: true });
    await Deno.remove(draft).catch(() => {});
  }
  return image;
}

async function fill(tree: string, deno: string): Promise<void> {
  for (
    const path of [
      ...["bin", "sbin", "usr/bin", "usr/sbin", "etc", "root", "var/tmp"],
      ...["proc", "sys", "dev", "run", "tmp"],
    ]
  ) await Deno.mkdir(join(tree, path), { recursive: true });
  await Deno.copyFile(deno, join(tree, "usr/bin/deno"));
  await Deno.copyFile("/bin/busybox", join(tree, "bin/busybox"));
  await Deno.chmod(join(tree, "usr/bin/deno"), 0o755);
  await Deno.writeTextFile(
    join(tree, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n",
  );
  await Deno.writeTextFile(
    join(tree, "etc/group"),
    "root:x:0:\nuser:x:1000:\n",
  );
  await Deno.writeTextFile(join(tree, "etc/hosts"), "127.0.0.1 localhost\n");
  for (const library of await librariesOf(deno)) {
    const target = join(tree, library);
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(library, target);
  }
}

/** The shared libraries of a program on this host. */
export async function librariesOf(program: string): Promise<string[]> {
  const libraries = await output("ldd", [program]);
  return [...libraries.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
}
