/**
 * A bundle of the OCI runtime specification: a directory with a config.json
 * and, as a rule, a root filesystem. Runs on the host, in the process the user
 * started, and changes nothing.
 */

import { type Descriptor, O, open, readAt } from "../../ffi/fcntl.ts";
import { errnoText, SyscallError } from "../../ffi/errno.ts";
import { type ConfigReading, parseConfig } from "../../spec/config.ts";
import { MAX_CONFIG_SIZE } from "../../spec/config_text.ts";
import { ContainerError, SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { ownIds } from "./id_ranges.ts";

/** What a bundle says. */
export interface Bundle {
  /** Absolute, links resolved. */
  path: string;
  /** With what is relative to the bundle made absolute, and ids mapped. */
  spec: Spec;
}

/**
 * Reads a bundle. The directory is opened once, and what is in it is reached
 * through that descriptor: it cannot be exchanged for another meanwhile.
 *
 * @throws {ContainerError} where the directory or config.json cannot be read,
 * {ConfigError} where config.json is wrong, {SpecError} where its root
 * filesystem is not there. open(2)
 */
export function readBundle(directory: string, reading?: ConfigReading): Bundle {
  using bundle = openBundle(directory);
  const path = pathOf(bundle);
  const spec = parseConfig(readConfig(bundle, path), reading);
  spec.root.path = findRoot(bundle, spec.root.path);
  mapOwnIds(spec);
  // Who names none has none, as with runc; here, without the member, they
  // would all be kept.
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

/** Where what is behind a descriptor is now. */
const pathOf = ({ fd }: Descriptor) => Deno.readLinkSync(`/proc/self/fd/${fd}`);

function openBundle(directory: string): Descriptor {
  try {
    return open(directory, O.O_PATH | O.O_DIRECTORY);
  } catch (cause) {
    throw new ContainerError(
      `Cannot use the bundle ${directory}: ${problemOf(cause)}`,
      { cause, hint: "Name a directory that holds config.json: --bundle DIR." },
    );
  }
}

/** Why a directory could not be opened, in words; any other error is thrown. */
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
    // Not to wait for who writes into a fifo, nor to get a terminal.
    file = open(
      `/proc/self/fd/${bundle.fd}/config.json`,
      O.O_RDONLY | O.O_NONBLOCK | O.O_NOCTTY,
    );
  } catch (cause) {
    if (cause instanceof SyscallError && cause.code === "ENOENT") {
      // The words are runc's, which engines look for.
      throw new SpecError("JSON specification file config.json not found", {
        cause,
        hint: `Make one: container spec --bundle ${path}`,
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
    throw refuse(`it is larger than ${MAX_CONFIG_SIZE >> 20} MiB`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw refuse("it is not UTF-8, which JSON has to be", undefined, cause);
  }
}

/** All of a file, or as much as `most`: a file can grow under one's hands. */
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

/** Where no ids are mapped into a new user namespace, the caller's own are, as by `run`. */
function mapOwnIds({ linux }: Spec): void {
  const user = linux.namespaces.find(({ type }) => type === "user");
  if (!user || user.path !== undefined || linux.uidMappings?.length) return;
  const own = ownIds(Deno.uid() ?? 0, Deno.gid() ?? 0);
  linux.uidMappings = own.uids;
  linux.gidMappings = own.gids;
}

/** The root filesystem's own path; `root.path` is relative to the bundle. */
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
        hint: "Put one there, or name another as root.path in config.json.",
      },
    );
  }
}
