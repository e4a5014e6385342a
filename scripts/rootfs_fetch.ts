/**
 * Finds a busybox: tries the sources in order, verifies each result, and
 * reports why a source was not used. Runs on the host.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import $ from "dax";
import { SourceError } from "../rootfs/errors.ts";
import {
  type Arch,
  DEBIAN_PACKAGE,
  HOST_BUSYBOX_PATHS,
  MAX_BUSYBOX_BYTES,
  PINNED_BUSYBOX,
} from "../rootfs/sources.ts";
import {
  parseApplets,
  sha256Hex,
  staticBinaryProblem,
} from "../rootfs/verify.ts";
import type { Speaker } from "./_report.ts";
import { findProgram } from "./_find_program.ts";
import { readCache, writeCache } from "./rootfs_cache.ts";
import { download } from "./rootfs_download.ts";

/** The options of the search. */
export interface FindOptions {
  /** A file that the user named. No other source is tried. */
  readonly busybox?: string;
  /** Skip the sources that need a network. */
  readonly offline: boolean;
  readonly arch: Arch;
  readonly cacheDir: string | null;
  /**
   * Another address (a mirror) for the pinned binary. The digest stays the
   * same.
   */
  readonly url?: string;
  /** A directory of this run in which programs can be executed. */
  readonly scratch: string;
  readonly say: Speaker;
}

/** A verified busybox. */
export interface FoundBusybox {
  readonly bytes: Uint8Array;
  readonly applets: string[];
  readonly from: string;
}

interface Source {
  readonly name: string;
  readonly network: boolean;
  /** Whether to store its result in the cache. */
  readonly keep: boolean;
  readonly get: () => Promise<Uint8Array>;
}

/**
 * Returns the first busybox that passes every check.
 *
 * @throws {SourceError} if there is none
 */
export async function findBusybox(options: FindOptions): Promise<FoundBusybox> {
  const { busybox, say } = options;
  if (busybox !== undefined) {
    try {
      const bytes = await readBinary(busybox);
      return { bytes, applets: await verify(bytes, options), from: busybox };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      throw new SourceError(
        `Cannot use ${busybox} as busybox: ${error.message}`,
        {
          hint: "name a static busybox of this architecture with --busybox",
          cause: error,
        },
      );
    }
  }
  const skipped: string[] = [];
  for (const source of sources(options)) {
    try {
      if (source.network && options.offline) {
        throw new SourceError("it needs a network (--offline)");
      }
      const bytes = await source.get();
      const applets = await verify(bytes, options);
      if (source.keep) {
        await writeCache(options.cacheDir, options.arch, bytes, say);
      }
      return { bytes, applets, from: source.name };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const line = `Skipped busybox from ${source.name}: ${error.message}`;
      if (error.alarming) say(line);
      else {
        say.detail(line);
        skipped.push(line);
      }
    }
  }
  // Without a result, these are no details.
  if (say.detail !== say) skipped.forEach((line) => say(line));
  throw new SourceError("Cannot find a busybox: no source has a usable one", {
    hint: "name a static busybox with --busybox FILE",
  });
}

function sources(options: FindOptions): Source[] {
  const { arch, cacheDir, say } = options;
  const pinned = PINNED_BUSYBOX[arch];
  return [
    {
      name: "the cache",
      network: false,
      keep: false,
      get: () => readCache(cacheDir, arch, say),
    },
    {
      name: pinned?.name ?? "busybox.net",
      network: true,
      keep: true,
      get: () => getPinned(options),
    },
    {
      name: `Debian's package ${DEBIAN_PACKAGE}`,
      network: true,
      keep: true,
      get: () => getDebian(options.scratch),
    },
    {
      name: "this host",
      network: false,
      keep: false,
      get: () => getFromHost(arch),
    },
  ];
}

async function getPinned(options: FindOptions): Promise<Uint8Array> {
  const pinned = PINNED_BUSYBOX[options.arch];
  if (pinned === undefined) {
    throw new SourceError(`there is no pinned binary for ${options.arch}`);
  }
  const bytes = await download(options.url ?? pinned.url, {
    name: pinned.name,
    maxBytes: MAX_BUSYBOX_BYTES,
  });
  const digest = await sha256Hex(bytes);
  if (digest !== pinned.sha256) {
    throw new SourceError(
      `its SHA-256 is ${digest}, expected ${pinned.sha256}`,
      { alarming: true },
    );
  }
  return bytes;
}

/**
 * Downloads Debian's package. No digest is pinned, because the binary changes
 * with every rebuild. apt verifies the package with the signed index of the
 * archive.
 */
async function getDebian(scratch: string): Promise<Uint8Array> {
  const apt = await findTool("apt-get");
  const dpkg = await findTool("dpkg-deb");
  const tar = await findTool("tar");
  const dir = join(scratch, "debian");
  await Deno.mkdir(dir);
  const fetched =
    await $`${apt} -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10 -o Acquire::Retries=0 download ${DEBIAN_PACKAGE}`
      .cwd(dir).env("LC_ALL", "C").stdin("null").stdout("piped")
      .stderr("piped").noThrow().timeout(60_000);
  if (fetched.code !== 0) {
    const reason = fetched.stderr.split("\n").find((line) =>
      line.startsWith("E: ")
    );
    throw new SourceError(
      `apt-get download failed: ${reason?.slice(3) ?? "it took too long"}`,
    );
  }
  let deb: string | undefined;
  for await (const { name } of Deno.readDir(dir)) {
    if (name.endsWith(".deb")) deb = join(dir, name);
  }
  if (deb === undefined) throw new SourceError("apt-get downloaded nothing");
  // The pattern matches ./bin and, after the /usr merge, ./usr/bin.
  const unpacked =
    await $`${dpkg} --fsys-tarfile ${deb} | ${tar} -x -O --wildcards ${"*/bin/busybox"}`
      .stdout("piped").stderr("piped").noThrow().timeout(60_000);
  if (unpacked.code !== 0) {
    throw new SourceError("the package does not contain bin/busybox");
  }
  return unpacked.stdoutBytes;
}

async function findTool(name: string): Promise<string> {
  const path = await findProgram(name);
  if (path === undefined) {
    throw new SourceError(`there is no ${name} on this host`);
  }
  return path;
}

async function getFromHost(arch: Arch): Promise<Uint8Array> {
  let reason = "busybox is not installed";
  for (const path of HOST_BUSYBOX_PATHS) {
    try {
      const bytes = await readBinary(path);
      const problem = staticBinaryProblem(bytes, arch);
      if (problem === null) return bytes;
      reason = `${path}: ${problem}`;
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
    }
  }
  throw new SourceError(reason);
}

async function readBinary(path: string): Promise<Uint8Array> {
  try {
    const info = await Deno.stat(path);
    if (!info.isFile) throw new SourceError("it is not a regular file");
    if (info.size > MAX_BUSYBOX_BYTES) throw new SourceError("it is too large");
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new SourceError("there is no such file", { cause: error });
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new SourceError("it cannot be read", { cause: error });
    }
    throw error;
  }
}

/**
 * Checks that the binary is static, of this architecture, runs, and lists its
 * applets.
 */
async function verify(
  bytes: Uint8Array,
  options: FindOptions,
): Promise<string[]> {
  const problem = staticBinaryProblem(bytes, options.arch);
  if (problem !== null) throw new SourceError(problem);
  // The file name matters: busybox uses it to select an applet.
  const probe = join(options.scratch, "busybox");
  await Deno.writeFile(probe, bytes, { mode: 0o700 });
  try {
    const run = await $`${probe} --list`.clearEnv().stdin("null")
      .stdout("piped").stderr("piped").noThrow().timeout(10_000);
    if (run.code !== 0) {
      throw new SourceError(
        `"busybox --list" failed with status ${run.code}`,
      );
    }
    const applets = parseApplets(run.stdout);
    if (typeof applets === "string") throw new SourceError(applets);
    return applets;
  } catch (error) {
    if (error instanceof SourceError) throw error;
    // dax throws if the kernel refuses the file, for example on a noexec mount.
    const cause = error instanceof Error ? error.message : String(error);
    throw new SourceError(`it does not run here: ${cause}`, { cause: error });
  } finally {
    await Deno.remove(probe);
  }
}
