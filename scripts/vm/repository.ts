/**
 * The repository in a virtual machine, ready for its tests.
 *
 * @module
 */

// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { ROOT } from "../_files.ts";
import { criuEntries } from "./criu.ts";
import { makeDisk } from "./disk.ts";
import type { Entry } from "./entries.ts";
import { guestEntries } from "./guest.ts";
import { output } from "./host.ts";
import { systemdEntries } from "./systemd.ts";

/** Where the repository is in the guest. */
export const GUEST = "/repository";

/** Where the compiled program is in the guest, if it has one. */
export const GUEST_PROGRAM = `${GUEST}/container`;

/** What the tests find in their environment, besides CONTAINER_BIN. */
export const GUEST_ENV = {
  CONTAINER_VM: "1",
  DENO_DIR: "/deno-dir",
  DENO_NO_UPDATE_CHECK: "1",
};

/** What is on a disk. */
export interface DiskOptions {
  /** systemd is PID 1. */
  systemd?: boolean;
  /** The compiled program. */
  program?: string;
}

/** Makes the disk of machines that have the repository. */
export async function makeRepositoryDisk(
  image: string,
  { systemd = false, program }: DiskOptions = {},
): Promise<void> {
  await makeDisk(image, [
    ...await guestEntries(),
    ...systemd ? await systemdEntries() : [],
    ...await criuEntries(),
    ...repositoryEntries(),
    ...program ? [{ path: GUEST_PROGRAM, from: program }] : [],
    ...await packageEntries(),
  ]);
}

/** The repository, without what is made in it. */
function repositoryEntries(): Entry[] {
  return [...Deno.readDirSync(ROOT)]
    .filter(({ name }) =>
      !/^(\.|fs$|node_modules$|container$)/.test(name) || name === ".fs.d"
    )
    .map(({ name }) => ({ path: `${GUEST}/${name}`, from: join(ROOT, name) }));
}

/** An entry of the lock file; those for other systems are not in the cache. */
interface Locked {
  os?: string[];
  cpu?: string[];
}

/** The packages of the lock file, from Deno's cache: the guest has no network. */
async function packageEntries(): Promise<Entry[]> {
  const info = JSON.parse(await output(Deno.execPath(), ["info", "--json"]));
  const lock = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.lock")));
  return Object.entries<Locked>(lock.npm ?? {}).flatMap(
    ([entry, { os = ["linux"], cpu = ["x64"] }]) => {
      if (!os.includes("linux") || !cpu.includes("x64")) return [];
      const name = entry.slice(0, entry.lastIndexOf("@"));
      const path = `npm/registry.npmjs.org/${name}`;
      return { path: `deno-dir/${path}`, from: join(info.denoDir, path) };
    },
  );
}
