/**
 * Reads the accounts of a running container. Its processes control these files,
 * so only a small regular file is read. Runs on the host, in the exec command.
 */

import { type Descriptor, O, open } from "../../../ffi/fcntl.ts";
import { readInRoot } from "../../../ffi/openat2.ts";
import type { Mount, Spec } from "../../../spec/types.ts";
import { type AccountFiles, parsePasswd } from "../../decide/users.ts";

/**
 * The account files below a container's root directory; null for a file that
 * cannot be used.
 */
export function readAccounts(root: Descriptor): AccountFiles {
  return {
    passwd: readSmall(root, "/etc/passwd"),
    group: readSmall(root, "/etc/group"),
  };
}

/**
 * The home directory of a user, for HOME. It is `/` if the container does not
 * know the user, as with runc.
 */
export function homeOf(
  { passwd }: Pick<AccountFiles, "passwd">,
  uid: number,
): string {
  return parsePasswd(passwd).find((account) => account.uid === uid)?.home ??
    "/";
}

/**
 * Adds HOME to an environment unless it has a value. If it is set twice, the
 * last value counts.
 */
export function withHome(
  env: readonly string[],
  home: () => string,
): string[] {
  const isHome = (entry: string) => entry.startsWith("HOME=");
  const said = env.findLast(isHome);
  if (said && said !== "HOME=") return [...env];
  return [...env.filter((entry) => !isHome(entry)), `HOME=${home()}`];
}

const PASSWD = "/etc/passwd";

/**
 * {@linkcode homeOf} the user of a bundle, before any of its mounts are made.
 */
export function homeInBundle({ process, root, mounts = [] }: Spec): string {
  const covers = ({ destination }: Mount) =>
    PASSWD === destination || PASSWD.startsWith(`${destination}/`);
  const over = mounts.findLast(covers);
  if (!over) return homeOf(passwdBelow(root.path, PASSWD), process.user.uid);
  const isBind = over.source &&
    over.options?.some((word) => /^r?bind$/.test(word));
  return homeOf(
    isBind
      ? passwdBelow(over.source!, PASSWD.slice(over.destination.length))
      : { passwd: null },
    process.user.uid,
  );
}

/**
 * The file below a directory, or the path itself if the second one is empty.
 */
function passwdBelow(
  directory: string,
  path: string,
): Pick<AccountFiles, "passwd"> {
  try {
    const [above, name] = path
      ? [directory, path]
      : splitPath(Deno.realPathSync(directory));
    using root = open(above, O.O_PATH | O.O_DIRECTORY);
    return { passwd: readSmall(root, name) };
  } catch {
    return { passwd: null };
  }
}

const splitPath = (path: string): [directory: string, name: string] => {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash) || "/", path.slice(slash)];
};

function readSmall(root: Descriptor, path: string): string | null {
  try {
    return readInRoot(root, path);
  } catch {
    return null;
  }
}
