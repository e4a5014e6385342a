/**
 * Reads a bundle of the OCI runtime specification: a directory with a
 * config.json and usually a root filesystem. Only reads and decides; changes
 * nothing. Runs on the host, in the process the user started.
 */

import { type Descriptor, O, open, readAt } from "../../ffi/fcntl.ts";
import { errnoText, SyscallError } from "../../ffi/errno.ts";
import { type ConfigReading, parseConfig } from "../../spec/config.ts";
import { MAX_CONFIG_SIZE } from "../../spec/config_text.ts";
import { ContainerError, SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { ownIds } from "./id_ranges.ts";

/** The content of a bundle. */
export interface Bundle {
  /** The absolute path of the bundle, links resolved. */
  path: string;
  /**
   * The Spec. Paths relative to the bundle are made absolute, and ids are
   * mapped.
   */
  spec: Spec;
}

/**
 * Reads a bundle. The directory is opened once and its content is reached
 * through that descriptor, so that nobody can exchange it meanwhile.
 *
 * @throws {ContainerError} if the directory or config.json cannot be read,
 * {ConfigError} if config.json is invalid, {SpecError} if its root filesystem
 * is missing. open(2)
 */
export function readBundle(directory: string, reading?: ConfigReading): Bundle {
  using bundle = openBundle(directory);
  const path = pathOf(bundle);
  const spec = parseConfig(readConfig(bundle, path), reading);
  spec.root.path = findRoot(bundle, spec.root.path);
  mapOwnIds(spec);
  // A config.json without capabilities gives none, as with runc. A Spec without
  // this member would keep all of them.
  spec.process.capabilities ??= {};
  for (const mount of spec.mounts ?? []) {
    const isBind = mount.options?.some((option) => /^r?bind$/.test(option));
    if (isBind && mount.source !== undefined) {
      mount.source = absolute(path, mount.source);
    }
  }
  return { path, spec };
}

const absolute = (base: string, path: string) =>
  path.startsWith("/") ? path : `${base === "/" ? "" : base}/${path}`;

/** The current path of a descriptor's file. */
const pathOf = ({ fd }: Descriptor) => Deno.readLinkSync(`/proc/self/fd/${fd}`);

function openBundle(directory: string): Descriptor {
  try {
    return open(directory, O.O_PATH | O.O_DIRECTORY);
  } catch (cause) {
    throw new ContainerError(
      `Cannot use the bundle ${directory}: ${problemOf(cause)}`,
      {
        cause,
        hint: "Name a directory that contains config.json with --bundle DIR.",
      },
    );
  }
}

/**
 * Why a directory could not be opened, in words. Any other error is rethrown.
 */
function problemOf(error: unknown): string {
  if (!(error instanceof SyscallError)) throw error;
  if (error.code === "ENOENT") return "no such directory";
  if (error.code === "ENOTDIR") return "it is not a directory";
  return errnoText(error.code);
}

function readConfig(bundle: Descriptor, path: string): string {
  const refuse = (problem: string, hint?: string, cause?: unknown) =>
    new SpecError(`Cannot read ${absolute(path, "config.json")}: ${problem}`, {
      hint,
      cause,
    });
  let file: Descriptor;
  try {
    // O_NONBLOCK: opening a fifo does not wait for a writer. O_NOCTTY: a
    // terminal does not become the controlling terminal.
    file = open(
      `/proc/self/fd/${bundle.fd}/config.json`,
      O.O_RDONLY | O.O_NONBLOCK | O.O_NOCTTY,
    );
  } catch (cause) {
    if (cause instanceof SyscallError && cause.code === "ENOENT") {
      // Engines look for these words of runc.
      throw new SpecError("JSON specification file config.json not found", {
        cause,
        hint: `Create one: container spec --bundle ${path}`,
      });
    }
    throw refuse(problemOf(cause), undefined, cause);
  }
  using _closed = file;
  if (!Deno.statSync(`/proc/self/fd/${file.fd}`).isFile) {
    throw refuse("it is not a file");
  }
  const bytes = readAll(file, MAX_CONFIG_SIZE + 1);
  if (bytes.length > MAX_CONFIG_SIZE) {
    throw refuse(`the file is larger than ${MAX_CONFIG_SIZE >> 20} MiB`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw refuse(
      "the file is not UTF-8, which JSON requires",
      undefined,
      cause,
    );
  }
}

/**
 * Reads a whole file, but not more than `most` bytes: the file can grow while
 * it is read.
 */
function readAll({ fd }: Descriptor, most: number): Uint8Array {
  let bytes = new Uint8Array(64 << 10);
  for (let size = 0;;) {
    const got = readAt(fd, bytes.subarray(size), size);
    size += got;
    if (got === 0 || size >= most) return bytes.subarray(0, size);
    if (size < bytes.length) continue;
    const larger = new Uint8Array(Math.min(2 * size, most));
    larger.set(bytes);
    bytes = larger;
  }
}

/**
 * A new user namespace without id maps gets the caller's own ids, as with
 * `run`.
 */
function mapOwnIds({ linux }: Spec): void {
  const user = linux.namespaces.find(({ type }) => type === "user");
  if (!user || user.path !== undefined || linux.uidMappings?.length) return;
  const own = ownIds(Deno.uid() ?? 0, Deno.gid() ?? 0);
  linux.uidMappings = own.uids;
  linux.gidMappings = own.gids;
}

/**
 * The real path of the root filesystem; `root.path` is relative to the bundle.
 */
function findRoot(bundle: Descriptor, path: string): string {
  try {
    using root = open(
      path.startsWith("/") ? path : `/proc/self/fd/${bundle.fd}/${path}`,
      O.O_PATH | O.O_DIRECTORY,
    );
    return pathOf(root);
  } catch (cause) {
    const place = absolute(pathOf(bundle), path);
    throw new SpecError(
      `Cannot use the root filesystem ${place}: ${problemOf(cause)}`,
      {
        cause,
        hint:
          "Create it, or set root.path in config.json to another directory.",
      },
    );
  }
}
