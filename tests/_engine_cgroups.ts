/** The cgroups at the top of each hierarchy that engines make for their own. */

/** Cgroups below those of a name, in every hierarchy; the name's own are not. */
export function cgroupsOf(name: string): string[] {
  return cgroupRoots(name).flatMap(directoriesBelow);
}

/** The cgroups of a name at the top of each hierarchy. */
export function cgroupRoots(name: string): string[] {
  const mount = "/sys/fs/cgroup";
  const trees = [...Deno.readDirSync(mount)]
    .filter(({ isDirectory }) => isDirectory)
    .map((entry) => `${mount}/${entry.name}/${name}`);
  return [`${mount}/${name}`, ...trees].filter((path) => {
    try {
      return Deno.statSync(path).isDirectory;
    } catch {
      return false;
    }
  });
}

function directoriesBelow(path: string): string[] {
  const names = [...Deno.readDirSync(path)].filter(({ isDirectory }) =>
    isDirectory
  );
  return names.flatMap(({ name }) => [
    ...directoriesBelow(`${path}/${name}`),
    `${path}/${name}`,
  ]);
}

/** Removes the cgroups of a name, which an engine makes for its own and leaves behind. */
export function removeCgroups(name: string): void {
  for (const root of cgroupRoots(name)) {
    for (const path of [...directoriesBelow(root), root]) {
      try {
        Deno.removeSync(path);
      } catch {
        // Another's, who has the same engine.
      }
    }
  }
}
