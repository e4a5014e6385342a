/**
 * The home directory of a command's user, for HOME. Only reads; changes
 * nothing. Runs on the host, in the command that creates or joins the
 * container.
 */

import type { Mount, Spec } from "../../../spec/types.ts";
import type { AccountFiles, World } from "../../world/world.ts";
import { orNull } from "../requester.ts";
import { parsePasswd } from "../users.ts";

/**
 * The home directory of a user. It is `/` if the container does not know the
 * user, as with runc.
 */
export const homeOf = (
  { passwd }: Pick<AccountFiles, "passwd">,
  uid: number,
): string =>
  parsePasswd(passwd).find((account) => account.uid === uid)?.home ?? "/";

/**
 * Whether an environment has no value for HOME. If it is set twice, the last
 * value counts.
 */
export function lacksHome(env: readonly string[]): boolean {
  const said = env.findLast((entry) => entry.startsWith("HOME="));
  return said === undefined || said === "HOME=";
}

const PASSWD = "/etc/passwd";

/** The home directory of a bundle's user, before any of its mounts are made. */
export function homeInBundle(
  { process, root, mounts = [] }: Spec,
  world: World,
): string {
  const covers = ({ destination }: Mount) =>
    PASSWD === destination || PASSWD.startsWith(`${destination}/`);
  const over = mounts.findLast(covers);
  const isBind = over?.options?.some((word) => /^r?bind$/.test(word));
  const passwd = !over
    ? passwdBelow(root.path, PASSWD, world)
    : over.source && isBind
    ? passwdBelow(over.source, PASSWD.slice(over.destination.length), world)
    : null;
  return homeOf({ passwd }, process.user.uid);
}

/**
 * The file below a directory, or the path itself if the second one is empty.
 */
const passwdBelow = (directory: string, path: string, world: World) =>
  orNull(() => {
    const [above, name] = path
      ? [directory, path]
      : splitPath(world.realPath(directory));
    using root = world.openDirectory(above);
    return root.readText(name);
  });

const splitPath = (path: string): [directory: string, name: string] => {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash) || "/", path.slice(slash)];
};
