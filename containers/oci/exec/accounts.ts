/**
 * The accounts of a container. Its files are in the hands of whoever is in it:
 * nothing but a small regular file is read. Runs on the host.
 */

import { type Descriptor, O, open } from "../../../ffi/fcntl.ts";
import { readInRoot } from "../../../ffi/openat2.ts";
import type { Mount, Spec } from "../../../spec/types.ts";
import { type AccountFiles, parsePasswd } from "../../decide/users.ts";

/** The account files below a container's root directory; null for what is none. */
export function readAccounts(root: Descriptor): AccountFiles {
  return {
    passwd: readSmall(root, "/etc/passwd"),
    group: readSmall(root, "/etc/group"),
  };
}

/**
 * Where a user is at home, for the `HOME` that programs look for. `/` where the
 * container does not know the user, as runc has it.
 */
export function homeOf(
  { passwd }: Pick<AccountFiles, "passwd">,
  uid: number,
): string {
  return parsePasswd(passwd).find((account) => account.uid === uid)?.home ??
    "/";
}

/** An environment with a `HOME`: of two settings the last one counts, and an empty one is none. */
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

/** {@linkcode homeOf} the user of a bundle, before anything of it is mounted. */
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

/** The file below a directory, or the file itself where the path is empty. */
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
