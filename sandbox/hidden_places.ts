/**
 * The directories of this machine that a sandbox on its tree does not see: homes
 * with their secrets, and the places of sockets, which a read-only mount does
 * not protect from a connect(2). Only reads. Runs on the host, in the program's
 * process.
 */

import type { World } from "../containers/world/world.ts";
import { orNull } from "../containers/decide/requester.ts";

/** Covered if they exist. `/tmp` is covered too, by a place to write to. */
const USUAL = ["/home", "/root", "/run", "/var/run", "/var/tmp"];

/** Variables that name a directory of the user with secrets or sockets. */
const NAMED = ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];

/** The directories to cover, none of them below another. */
export function hiddenPlaces(world: World): string[] {
  const named = NAMED.flatMap((name) => {
    const path = world.variable(name);
    return path?.startsWith("/") && path !== "/" ? [path] : [];
  });
  const real = [...USUAL, ...named].flatMap((path) => {
    const found = orNull(() => world.realPath(path));
    const isDirectory = found !== null && found !== "/" &&
      orNull(() => world.stat(found))?.type === "directory";
    return isDirectory ? [found] : [];
  });
  const places = [...new Set(real)].filter((path) => path !== "/tmp");
  return places.filter((path) =>
    !["/tmp", ...places].some((other) => path.startsWith(`${other}/`))
  );
}
