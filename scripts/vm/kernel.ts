/**
 * Debian's kernel for virtual machines, fetched by apt (which checks its
 * signature) and unpacked into the cache, not installed.
 *
 * @module
 */

// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { exists, output } from "./host.ts";

/** A kernel and the tree with its modules. */
export interface Kernel {
  image: string;
  modules: string;
}

/** Debian's name of an architecture, and of its smallest kernel. */
const PACKAGE = {
  x86_64: "linux-image-cloud-amd64",
  aarch64: "linux-image-cloud-arm64",
} as const;

/** Where the kernel is kept. */
function cacheDirectory(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ||
    join(Deno.env.get("HOME") ?? "/root", ".cache");
  return join(cache, "container", "vm");
}

let kernel: Promise<Kernel> | undefined;

/** The kernel in the cache; the newest of Debian where there is none. */
export function findKernel(): Promise<Kernel> {
  // Machines that start at the same time fetch it once.
  return kernel ??= findOrFetch();
}

async function findOrFetch(): Promise<Kernel> {
  const directory = join(cacheDirectory(), "kernel");
  const found = await inspect(directory);
  if (found) return found;
  const depends = await output("apt-cache", [
    "depends",
    PACKAGE[Deno.build.arch],
  ]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (!name) {
    throw new Error(
      `Cannot find Debian's kernel: apt knows no ${PACKAGE[Deno.build.arch]}`,
    );
  }
  const scratch = `${directory}.${Deno.pid}`;
  await Deno.mkdir(scratch, { recursive: true });
  try {
    await output("apt-get", ["download", "--quiet", name], scratch);
    for await (const file of Deno.readDir(scratch)) {
      if (!file.name.endsWith(".deb")) continue;
      await output("dpkg-deb", ["-x", file.name, "."], scratch);
      await Deno.remove(join(scratch, file.name));
    }
    await Deno.rename(scratch, directory);
  } finally {
    await Deno.remove(scratch, { recursive: true }).catch(() => {});
  }
  const fetched = await inspect(directory);
  if (fetched) return fetched;
  throw new Error(`Cannot use ${name}: it has no kernel in /boot`);
}

async function inspect(directory: string): Promise<Kernel | null> {
  try {
    for await (const { name } of Deno.readDir(join(directory, "boot"))) {
      const version = /^vmlinuz-(.*)$/.exec(name)?.[1];
      if (!version) continue;
      // Since Debian 13 modules lie below /usr.
      for (const lib of ["lib/modules", "usr/lib/modules"]) {
        const modules = join(directory, lib, version, "kernel");
        if (await exists(modules)) {
          return { image: join(directory, "boot", name), modules };
        }
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return null;
}

/** Module names have "_" where file names may have "-". */
const moduleName = (file: string) =>
  file.replace(/^.*\//, "").replace(/\.ko(\.xz|\.zst)?$/, "").replaceAll(
    "-",
    "_",
  );

/**
 * The files of modules in the order of loading, dependencies first. Names that
 * the kernel has built in are left out. The package comes without modules.dep,
 * but every module names what it needs.
 */
export async function moduleFiles(
  tree: string,
  names: readonly string[],
): Promise<{ name: string; path: string }[]> {
  const files = new Map<string, string>();
  for await (const path of walk(tree)) files.set(moduleName(path), path);
  const order = new Map<string, { name: string; path: string }>();
  const add = async (name: string) => {
    const path = files.get(name);
    if (path === undefined || order.has(name)) return;
    for (const dependency of await dependencies(path)) await add(dependency);
    order.set(name, { name: `${name}.ko`, path });
  };
  for (const name of names) await add(name);
  return [...order.values()];
}

async function* walk(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) yield* walk(path);
    else if (/\.ko(\.xz|\.zst)?$/.test(name)) yield path;
  }
}

/** The line `depends=a,b` of a module's .modinfo section. */
async function dependencies(path: string): Promise<string[]> {
  if (!path.endsWith(".ko")) {
    throw new Error(
      `Cannot read ${path}: it is compressed; decompress the modules of this kernel first`,
    );
  }
  const bytes = await Deno.readFile(path);
  const text = new TextDecoder("latin1").decode(bytes);
  const list = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return list.split(",").filter(Boolean).map((name) =>
    name.replaceAll("-", "_")
  );
}
