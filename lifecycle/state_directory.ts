/**
 * Where what runs is recorded. Runs on the host.
 *
 * Who can write there can have us kill processes and remove directories of
 * ours, as what is recorded of a container that is gone. /tmp is open to
 * everybody, and XDG_RUNTIME_DIR may be left over from another user (su): a
 * directory there has to be our own.
 */

import { ContainerError } from "../spec/errors.ts";

/** The whole machine's ids, user_namespaces(7): no namespace but the first has them. */
const EVERY_ID = /^\s*0\s+0\s+4294967295\s*$/;

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * /run/container, or the user's own runtime directory. Who is root in a user
 * namespace alone, as under rootless podman, is a user.
 *
 * @throws ContainerError where it would be another user's
 */
export function stateDirectory(): string {
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  const own = runtime?.startsWith("/") ? runtime : undefined;
  if (Deno.uid() !== 0) {
    return own === undefined
      ? ourOwn(`/tmp/container-${Deno.uid()}`)
      : runtimeDirectory(own);
  }
  const isUser = own !== undefined &&
    !EVERY_ID.test(Deno.readTextFileSync("/proc/self/uid_map"));
  return isUser ? runtimeDirectory(own) : "/run/container";
}

/** Whose the runtime directory is could give what is in it another name. */
function runtimeDirectory(runtime: string): string {
  const path = `${runtime}/container`;
  const info = statOrNull(runtime);
  // Nothing is in it, and who wants to write there says why that cannot be.
  if (!info) return path;
  const mode = info.mode ?? 0;
  if (
    info.uid !== Deno.uid() && info.uid !== 0 ||
    mode & WRITABLE_BY_OTHERS && !(mode & STICKY)
  ) throw notOurs(runtime, info);
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
  if (
    !info.isDirectory || info.uid !== Deno.uid() ||
    (info.mode ?? 0) & WRITABLE_BY_OTHERS
  ) throw notOurs(path, info);
  return path;
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}

function notOurs(path: string, { isDirectory, uid }: Deno.FileInfo) {
  const problem = !isDirectory
    ? "it is not a directory"
    : uid !== Deno.uid()
    ? `it belongs to user ${uid}`
    : "others can write to it";
  return new ContainerError(
    `Cannot keep the state of containers in ${path}: ${problem}`,
    {
      hint:
        "Set XDG_RUNTIME_DIR to a directory that is yours alone (mode 0700).",
    },
  );
}
