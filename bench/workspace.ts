/**
 * The workspace of the bench: a temporary directory with its own copy of the
 * root filesystem. Everything is removed at the end.
 *
 * All candidates run on the copy, because some (runc) create device nodes in
 * their root filesystem.
 */
// @ts-types="../types/std_path.d.ts"
import { dirname, fromFileUrl, join, resolve } from "@std/path";
import { run, which } from "./process.ts";

/** Where candidates are prepared and run. */
export interface Workspace {
  /** The temporary directory. */
  dir: string;
  /** The copy of the root filesystem, with /bin/true and /proc. */
  rootfs: string;
  /** The source of the copy, for the report. */
  rootfsSource: string;
  /** The root of the repository. */
  repo: string;
  /** A directory for built programs, which are kept after the bench. */
  cache: string;
  /** The prefix of container ids and image names, unique to this run. */
  id: string;
  /** Variables for the environment of every process. */
  env: Record<string, string>;
  /** Aborted on Ctrl-C. */
  signal: AbortSignal;
  /** The clean-up actions, which run in reverse order at the end. */
  cleanup: AsyncDisposableStack;
}

/** Creates a workspace. Disposing of `cleanup` removes it. */
export async function openWorkspace(
  options: {
    rootfs?: string;
    signal: AbortSignal;
    cleanup: AsyncDisposableStack;
  },
): Promise<Workspace> {
  const { signal, cleanup } = options;
  const repo = dirname(dirname(fromFileUrl(import.meta.url)));
  const cache = join(repo, "bench", ".cache");
  await Deno.mkdir(cache, { recursive: true });
  const dir = await Deno.realPath(
    await Deno.makeTempDir({ prefix: "container-bench-" }),
  );
  cleanup.defer(() => removeTree(dir));
  // Programs of `deno compile` keep a code cache in TMPDIR. Here it is removed
  // too.
  const tmp = join(dir, "tmp");
  await Deno.mkdir(tmp);
  const rootfs = join(dir, "fs");
  const rootfsSource = await fillRootfs(rootfs, repo, options.rootfs, signal);
  return {
    dir,
    rootfs,
    rootfsSource,
    repo,
    cache,
    id: `container-bench-${Deno.pid}`,
    env: { TMPDIR: tmp, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    signal,
    cleanup,
  };
}

async function fillRootfs(
  target: string,
  repo: string,
  given: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const source = resolve(given ?? join(repo, "fs"));
  if (await hasTrue(source)) {
    await Deno.mkdir(target);
    const argv = ["cp", "-a", "--one-file-system", `${source}/.`, target];
    const { code, stderr } = await run({ argv }, { signal, timeout: 120_000 });
    if (code !== 0) {
      throw new Error(`Cannot copy ${source}: ${stderr.trim()}`);
    }
    await Deno.mkdir(join(target, "proc"), { recursive: true });
    return given ?? "./fs";
  }
  if (given !== undefined) {
    throw new Error(`Cannot use ${given} as root filesystem: no /bin/true`);
  }
  const busybox = await which("busybox");
  if (busybox === null || !isStatic(await Deno.readFile(busybox))) {
    throw new Error(
      "Cannot find a root filesystem: ./fs has no /bin/true and there is no static busybox" +
        " (run `deno task rootfs`, or name a directory with --rootfs)",
    );
  }
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp"]) {
    await Deno.mkdir(join(target, name), { recursive: true });
  }
  await Deno.copyFile(busybox, join(target, "bin", "busybox"));
  await Deno.chmod(join(target, "bin", "busybox"), 0o755);
  for (const applet of ["true", "sh"]) {
    await Deno.symlink("busybox", join(target, "bin", applet));
  }
  return "a temporary tree with the host's static busybox";
}

/**
 * Whether there is a /bin/true. The link is not followed: its target may be an
 * absolute path inside.
 */
async function hasTrue(root: string): Promise<boolean> {
  try {
    await Deno.lstat(join(root, "bin", "true"));
    return true;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return false;
    throw error;
  }
}

/**
 * Whether an executable is a 64-bit little-endian ELF file without a dynamic
 * loader.
 */
export function isStatic(elf: Uint8Array): boolean {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const classAndData = 0x0201;
  if (elf.length < 64 || view.getUint32(0) !== 0x7f454c46) return false;
  if (view.getUint16(4) !== classAndData) return false;
  const offset = Number(view.getBigUint64(0x20, true));
  const size = view.getUint16(0x36, true);
  const count = view.getUint16(0x38, true);
  const PT_INTERP = 3;
  for (let i = 0; i < count; i++) {
    const header = offset + i * size;
    if (header + 4 > elf.length) return false;
    if (view.getUint32(header, true) === PT_INTERP) return false;
  }
  return true;
}

/**
 * The mount points at or below `dir`, in the order of /proc/self/mountinfo: the
 * deepest last.
 */
export function mountsBelow(mountinfo: string, dir: string): string[] {
  return mountinfo.split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((field) =>
      field.replaceAll(
        /\\([0-7]{3})/g,
        (_, octal) => String.fromCharCode(parseInt(octal, 8)),
      )
    )
    .filter((path) => path === dir || path.startsWith(`${dir}/`));
}

/**
 * Removes the temporary tree. If a candidate has left a mount in it, the
 * mounted files must not be deleted. Therefore mounts are removed first, and
 * nothing is deleted while one is left.
 */
async function removeTree(dir: string): Promise<void> {
  const read = async () =>
    mountsBelow(await Deno.readTextFile("/proc/self/mountinfo"), dir);
  for (const path of (await read()).toReversed()) {
    await run({ argv: ["umount", "--lazy", "--", path] });
  }
  const left = await read();
  if (left.length > 0) {
    throw new Error(`Cannot remove ${dir}: still mounted: ${left.join(", ")}`);
  }
  const argv = ["rm", "-rf", "--one-file-system", "--", dir];
  const { code, stderr } = await run({ argv }, { timeout: 120_000 });
  if (code !== 0) throw new Error(`Cannot remove ${dir}: ${stderr.trim()}`);
}
