/**
 * File systems of the bench's own: ext4 with a journal in a loop file. On a file
 * system that has just deleted many files, every figure would be several times
 * worse. The file is in memory, so that the disk of the machine does not count.
 * Runs on the host, as root.
 */
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { Unavailable } from "../candidate.ts";
import { need } from "../peers.ts";
import { complaint, run } from "../process.ts";
import type { Workspace } from "../workspace.ts";

/** Large enough for an image as a peer unpacks it. The file is sparse. */
const SIZE = 4 * 2 ** 30;

/** Where a file is in memory, tmpfs(5). */
const MEMORY = "/dev/shm";

/** A file system, mounted in the workspace. */
export class Disk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #prefix: string;
  #made = 0;
  /** The loop file of what is mounted. */
  #file: string | null = null;

  /** Makes a file system with a name that no other has. */
  static async make(
    { dir, id, cleanup }: Workspace,
    name: string,
  ): Promise<Disk> {
    for (const program of ["mkfs.ext4", "mount", "umount"]) await need(program);
    const disk = new Disk(
      join(dir, "disks", name),
      join(MEMORY, `${id}-${name}`),
    );
    await Deno.mkdir(disk.path, { recursive: true });
    cleanup.defer(() => disk.#remove());
    await disk.renew();
    return disk;
  }

  private constructor(path: string, prefix: string) {
    this.path = path;
    this.#prefix = prefix;
  }

  /** Replaces the file system with an empty one. */
  async renew(): Promise<void> {
    await this.#remove();
    // A new file: another mount namespace may still have the old one mounted.
    const path = `${this.#prefix}-${this.#made++}`;
    using file = await Deno.open(path, { write: true, createNew: true });
    await file.truncate(SIZE);
    // Otherwise the kernel would write its tables during the measurement.
    const lazy = "lazy_itable_init=0,lazy_journal_init=0";
    try {
      await does(["mkfs.ext4", "-q", "-F", "-E", lazy, path]);
      await does(["mount", "-o", "loop", path, this.path]);
    } catch (error) {
      await Deno.remove(path);
      throw error;
    }
    this.#file = path;
  }

  async #remove(): Promise<void> {
    if (this.#file === null) return;
    // Engines keep mounts of their storage.
    await does(["umount", "--recursive", this.path]);
    await Deno.remove(this.#file);
    this.#file = null;
  }
}

/** Runs a command that must succeed; returns its output. */
export async function does(
  argv: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<string> {
  const result = await run({ argv, ...options }, { timeout: 300_000 });
  if (result.code !== 0) {
    throw new Unavailable(`${argv[0]} fails: ${complaint(result)}`);
  }
  return result.stdout;
}

/** The bytes that files below these directories take, as du(1) counts them. */
export async function diskUsage(paths: readonly string[]): Promise<number> {
  const text = await does(["du", "-sc", "--block-size=1", ...paths]);
  return Number(/^(\d+)\ttotal$/m.exec(text)?.[1]);
}
