/**
 * CRIU as a process: to restore a container in a mount namespace of its own,
 * where the root filesystem is a mount, as it wants it. Pure.
 */

import type { Spec } from "../spec/types.ts";
import { candidates } from "./process/candidates.ts";
import { DEFAULT_DEVICES, lend } from "./mounts/devices.ts";
import type { Step } from "./step.ts";

/** From here to its execve. */
export const criuProcess = (argv: readonly string[], path: string): Step[] => [{
  step: "execute",
  candidates: candidates(argv[0]!, [path]),
  argv: [...argv],
  env: [path],
  why: "criu saves processes, and makes them again",
  man: "criu(8)",
}];

/**
 * The same where it makes a container's root of a directory.
 *
 * @param files which of the configuration's mounts are files, by destination
 */
export function criuRestore(
  spec: Spec,
  files: readonly string[],
  argv: readonly string[],
  path: string,
): Step[] {
  const root = spec.root.path;
  return [
    {
      step: "unshare",
      namespaces: ["mount"],
      why: "what is mounted for criu is mounted nowhere else",
      man: "unshare(2)",
    },
    {
      step: "mount",
      source: null,
      target: "/",
      type: null,
      flags: ["MS_REC", "MS_SLAVE"],
      data: null,
      why: "the host never sees what is mounted here",
      man: "mount_namespaces(7)",
    },
    {
      step: "mount",
      source: root,
      target: root,
      type: null,
      flags: ["MS_BIND", "MS_REC"],
      data: null,
      why: "criu makes the container's root of a mount",
      man: "mount(2)",
    },
    ...lentDevices(spec),
    {
      step: "visitRoot",
      root,
      why: "no link of the root filesystem leads out of it",
      man: "open(2) O_PATH, chroot(2)",
    },
    ...mountpoints(spec, files),
    {
      step: "returnToRoot",
      why: "criu is a program of the host",
      man: "fchdir(2), chroot(2)",
    },
    ...(spec.root.readonly
      ? [
        {
          step: "setMountAttributes",
          mount: { path: root },
          set: ["MOUNT_ATTR_RDONLY"],
          recursive: false,
          why: "criu gives the container's root what this mount has",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
    ...criuProcess(argv, path),
  ];
}

/**
 * criu binds the host's devices with what their mount has: over masked files,
 * and in a user namespace as such.
 */
function lentDevices({ linux: { uidMappings } }: Spec): Step[] {
  const paths = DEFAULT_DEVICES.map(({ path }) => path).filter((path) =>
    uidMappings?.length || path === "/dev/null"
  );
  return paths.flatMap((path, index) => {
    const name = `lent${index}`;
    return [
      ...lend(name, path, "root inside is not to change its mode"),
      {
        step: "attach",
        name,
        target: path,
        why: "criu finds it by its path",
        man: "move_mount(2)",
      } as const,
    ];
  });
}

/**
 * What the root filesystem has to have: it may be another copy of it than that
 * in which they were made. What lies in another mount is saved, or the host's.
 */
function mountpoints({ mounts = [] }: Spec, files: readonly string[]): Step[] {
  const inside = (path: string, above: string) =>
    path.startsWith(above.endsWith("/") ? above : `${above}/`);
  return mounts.filter(({ destination }, index) =>
    !mounts.slice(0, index).some((earlier) =>
      inside(destination, earlier.destination)
    )
  ).map(({ destination: path }) => ({
    step: "makeMountpoint",
    path,
    kind: files.includes(path) ? "file" : "directory",
    why: "criu mounts on what is there, and makes nothing",
    man: "mkdir(2), mknod(2)",
  }));
}
