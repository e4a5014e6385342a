/**
 * Finds the directory that records the containers. Runs on the host, in the
 * process the user started.
 *
 * Another user with write access could make this program kill processes and
 * remove directories of its owner, because the records say what a stopped
 * container has left behind. XDG_RUNTIME_DIR and HOME may be those of another user (after
 * su), so the directory must belong to this user. It is never in /tmp, where
 * another user could create it first.
 */

import { textVariable } from "../world/text_variable.ts";
import { ContainerError } from "../../spec/errors.ts";
import { parsePasswd } from "../decide/users.ts";

/**
 * The uid_map of the initial user namespace, user_namespaces(7): only it has
 * all ids.
 */
const EVERY_ID = /^\s*0\s+0\s+4294967295\s*$/;

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * /run/container for root, else the user's runtime directory, else a directory
 * in the user's home. A caller that is root only in a user namespace, as in
 * rootless podman, counts as a user.
 *
 * @param make whether to create it, before somebody else can do so; otherwise
 * nothing is changed
 * @throws {ContainerError} if the directory would belong to another user
 */
export function stateDirectory({ make = true } = {}): string {
  const runtime = textVariable("XDG_RUNTIME_DIR");
  const own = runtime?.startsWith("/") ? runtime : undefined;
  if (Deno.uid() !== 0) {
    return own === undefined
      ? homeDirectory(make)
      : runtimeDirectory(own, make);
  }
  const isUser = own !== undefined &&
    !EVERY_ID.test(Deno.readTextFileSync("/proc/self/uid_map"));
  return isUser ? runtimeDirectory(own, make) : "/run/container";
}

/**
 * Refuses a state directory named by `--root` if it belongs to another user or
 * others can write to it. A directory of root is accepted, because any user may
 * list root's containers.
 *
 * @throws {ContainerError}
 */
export function checkRoot(path: string): void {
  const info = statOrNull(path);
  if (
    info && (!info.isDirectory || !isOurs(info) || isWritable(info))
  ) {
    throw foreignDirectory(
      path,
      info,
      "Name a directory that only you can write to with --root.",
    );
  }
}

/**
 * The directory in the user's home, which is HOME or else that of passwd(5).
 */
function homeDirectory(make: boolean): string {
  const account = parsePasswd(textOrNull("/etc/passwd")).find(({ uid }) =>
    uid === Deno.uid()
  );
  const homes = [textVariable("HOME"), account?.home].flatMap((path) => {
    const info = path?.startsWith("/") ? statOrNull(path) : null;
    return path && info?.isDirectory ? [{ path, info }] : [];
  });
  const home = homes.find(({ info }) =>
    info.uid === Deno.uid() && !isWritable(info)
  );
  if (home) {
    const above = `${home.path}/.local/state`;
    if (!make) return ourOwn(`${above}/container`, make);
    try {
      Deno.mkdirSync(above, { recursive: true, mode: 0o700 });
    } catch {
      // The command that writes there reports the reason.
    }
    return ourOwn(`${above}/container`, make);
  }
  const [theirs] = homes;
  if (theirs) throw foreignDirectory(theirs.path, theirs.info);
  throw new ContainerError(
    "Cannot keep the state of containers: XDG_RUNTIME_DIR is not set and there is no home directory",
    { hint: HINT },
  );
}

/**
 * The directory in XDG_RUNTIME_DIR. The owner of a directory can rename its
 * entries, so XDG_RUNTIME_DIR itself must belong to this user or to root.
 */
function runtimeDirectory(runtime: string, make: boolean): string {
  const path = `${runtime}/container`;
  const info = statOrNull(runtime);
  // Nothing is recorded. The command that writes there reports the reason.
  if (!info) return path;
  const isSticky = (info.mode ?? 0) & STICKY;
  if (!isOurs(info) || isWritable(info) && !isSticky) {
    throw foreignDirectory(runtime, info);
  }
  return ourOwn(path, make);
}

/** Checks the directory; creates it first if it is missing. */
function ourOwn(path: string, make: boolean): string {
  if (!make && !statOrNull(path)) return path;
  try {
    if (make) Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // The command that writes there reports the reason.
    if (!(error instanceof Deno.errors.AlreadyExists)) return path;
  }
  const info = Deno.lstatSync(path);
  if (!info.isDirectory || info.uid !== Deno.uid() || isWritable(info)) {
    throw foreignDirectory(path, info);
  }
  return path;
}

/** Root counts as well, because root can do everything that this user can. */
const isOurs = ({ uid }: Deno.FileInfo) => uid === Deno.uid() || uid === 0;

/** Whether users other than the owner can write to it. */
const isWritable = ({ mode }: Deno.FileInfo) =>
  Boolean((mode ?? 0) & WRITABLE_BY_OTHERS);

function textOrNull(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}

const HINT =
  "Set XDG_RUNTIME_DIR to a directory that only you can access (mode 0700).";

function foreignDirectory(path: string, info: Deno.FileInfo, hint = HINT) {
  const problem = !info.isDirectory
    ? "it is not a directory"
    : info.uid !== Deno.uid() && !(isOurs(info) && isWritable(info))
    ? `it belongs to user ${info.uid}`
    : "other users can write to it";
  return new ContainerError(
    `Cannot keep the state of containers in ${path}: ${problem}`,
    { hint },
  );
}
