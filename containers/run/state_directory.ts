/**
 * Where what runs is recorded. Runs on the host.
 *
 * Whoever can write there can have us kill processes and remove directories of
 * ours, as what is recorded of a container that is gone. XDG_RUNTIME_DIR and
 * HOME may be left over from another user (su): a directory there has to be our
 * own. None is in /tmp, where another user could make it first.
 */

import { ContainerError } from "../../spec/errors.ts";
import { parsePasswd } from "../decide/users.ts";

/** The whole machine's ids, user_namespaces(7): no namespace but the first has them. */
const EVERY_ID = /^\s*0\s+0\s+4294967295\s*$/;

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * /run/container, or the user's own runtime directory, or else one in the
 * user's home. Who is root in a user namespace alone, as under rootless podman,
 * is a user.
 *
 * @throws ContainerError where it would be another user's
 */
export function stateDirectory(): string {
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  const own = runtime?.startsWith("/") ? runtime : undefined;
  if (Deno.uid() !== 0) {
    return own === undefined ? homeDirectory() : runtimeDirectory(own);
  }
  const isUser = own !== undefined &&
    !EVERY_ID.test(Deno.readTextFileSync("/proc/self/uid_map"));
  return isUser ? runtimeDirectory(own) : "/run/container";
}

/**
 * Refuses a directory that was named for the state, `--root`, where it is
 * another user's or others can write to it. Root's may be looked at by anybody.
 */
export function checkRoot(path: string): void {
  const info = statOrNull(path);
  if (
    info && (!info.isDirectory || !isOurs(info) || isWritable(info))
  ) {
    throw notOurs(path, info, "Name a directory that is yours alone: --root.");
  }
}

/** In the home of the user, by HOME or else by passwd(5). */
function homeDirectory(): string {
  const account = parsePasswd(textOrNull("/etc/passwd")).find(({ uid }) =>
    uid === Deno.uid()
  );
  const homes = [Deno.env.get("HOME"), account?.home].flatMap((path) => {
    const info = path?.startsWith("/") ? statOrNull(path) : null;
    return path && info?.isDirectory ? [{ path, info }] : [];
  });
  const home = homes.find(({ info }) =>
    info.uid === Deno.uid() && !isWritable(info)
  );
  if (home) {
    const above = `${home.path}/.local/state`;
    try {
      Deno.mkdirSync(above, { recursive: true, mode: 0o700 });
    } catch {
      // Who wants to write there says why that cannot be.
    }
    return ourOwn(`${above}/container`);
  }
  const [theirs] = homes;
  if (theirs) throw notOurs(theirs.path, theirs.info);
  throw new ContainerError(
    "Cannot keep the state of containers: XDG_RUNTIME_DIR is not set, and there is no home directory",
    { hint: HINT },
  );
}

/** Whose the runtime directory is could give what is in it another name. */
function runtimeDirectory(runtime: string): string {
  const path = `${runtime}/container`;
  const info = statOrNull(runtime);
  // Nothing is in it, and who wants to write there says why that cannot be.
  if (!info) return path;
  const isSticky = (info.mode ?? 0) & STICKY;
  if (!isOurs(info) || isWritable(info) && !isSticky) {
    throw notOurs(runtime, info);
  }
  return ourOwn(path);
}

/** Made where it is missing: what is not there yet, somebody else could make. */
function ourOwn(path: string): string {
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // As above.
    if (!(error instanceof Deno.errors.AlreadyExists)) return path;
  }
  const info = Deno.lstatSync(path);
  if (!info.isDirectory || info.uid !== Deno.uid() || isWritable(info)) {
    throw notOurs(path, info);
  }
  return path;
}

/** Or root's, who may do what we may. */
const isOurs = ({ uid }: Deno.FileInfo) => uid === Deno.uid() || uid === 0;

/** By others than its owner. */
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
  "Set XDG_RUNTIME_DIR to a directory that is yours alone (mode 0700).";

function notOurs(path: string, info: Deno.FileInfo, hint = HINT) {
  const problem = !info.isDirectory
    ? "it is not a directory"
    : info.uid !== Deno.uid() && !(isOurs(info) && isWritable(info))
    ? `it belongs to user ${info.uid}`
    : "others can write to it";
  return new ContainerError(
    `Cannot keep the state of containers in ${path}: ${problem}`,
    { hint },
  );
}
