/** The cgroups that engines make for themselves at the top of each hierarchy. */

/**
 * The cgroups below those with a name, in every hierarchy, without the named
 * ones.
 */
export function cgroupsOf(name: string): string[] {
  return cgroupRoots(name).flatMap(directoriesBelow);
}

/** The cgroups with a name at the top of each hierarchy. */
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

/** Removes the cgroups with a name, which an engine makes and leaves behind. */
export function removeCgroups(name: string): void {
  for (const root of cgroupRoots(name)) {
    for (const path of [...directoriesBelow(root), root]) {
      try {
        Deno.removeSync(path);
      } catch {
        // It belongs to another instance of the same engine.
      }
    }
  }
}
