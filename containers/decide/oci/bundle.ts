/**
 * Reads a bundle of the OCI runtime specification: a directory with a
 * config.json and usually a root filesystem. Only reads and decides; changes
 * nothing. Runs on the host, in the process the user started.
 */

import { errnoText, SyscallError } from "../../../ffi/errno.ts";
import { type ConfigReading, parseConfig } from "../../../spec/config.ts";
import { MAX_CONFIG_SIZE } from "../../../spec/config_text.ts";
import { ContainerError, SpecError } from "../../../spec/errors.ts";
import type { Spec } from "../../../spec/types.ts";
import type { OpenDirectory } from "../../world/world.ts";
import { ownIds } from "../id_ranges.ts";
import { absolutePath, type Requester } from "../requester.ts";

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
export function readBundle(
  directory: string,
  requester: Requester,
  reading?: ConfigReading,
): Bundle {
  using bundle = openBundle(directory, requester);
  const { path } = bundle;
  if (!path.isWellFormed()) {
    throw new ContainerError(
      `Cannot use the bundle ${path}: the path has a byte that is not UTF-8`,
      { hint: "Rename the directory: its state has to be JSON." },
    );
  }
  const spec = parseConfig(readConfig(bundle), reading);
  spec.root.path = findRoot(bundle, spec.root.path);
  mapOwnIds(spec, requester);
  // A config.json without capabilities gives none, as with runc. A Spec without
  // this member would keep all of them.
  spec.process.capabilities ??= {};
  for (const mount of spec.mounts ?? []) {
    const isBind = mount.options?.some((option) => /^r?bind$/.test(option));
    if (isBind && mount.source !== undefined) {
      mount.source = absolutePath({ cwd: path }, mount.source);
    }
  }
  return { path, spec };
}

function openBundle(directory: string, requester: Requester): OpenDirectory {
  try {
    return requester.world.openDirectory(absolutePath(requester, directory));
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

function readConfig(bundle: OpenDirectory): string {
  const { path } = bundle;
  const refuse = (problem: string, hint?: string, cause?: unknown) =>
    new SpecError(
      `Cannot read ${absolutePath({ cwd: path }, "config.json")}: ${problem}`,
      { hint, cause },
    );
  let bytes: Uint8Array | null;
  try {
    bytes = bundle.readFileOnHost("config.json", MAX_CONFIG_SIZE + 1);
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
  if (!bytes) throw refuse("it is not a file");
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
 * A new user namespace without id maps gets the caller's own ids, as with
 * `run`.
 */
function mapOwnIds({ linux }: Spec, { caller }: Requester): void {
  const user = linux.namespaces.find(({ type }) => type === "user");
  if (!user || user.path !== undefined || linux.uidMappings?.length) return;
  const own = ownIds(caller.uid, caller.gid);
  linux.uidMappings = own.uids;
  linux.gidMappings = own.gids;
}

/**
 * The real path of the root filesystem; `root.path` is relative to the bundle.
 */
function findRoot(bundle: OpenDirectory, path: string): string {
  try {
    return bundle.directoryOnHost(path);
  } catch (cause) {
    const place = absolutePath({ cwd: bundle.path }, path);
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
