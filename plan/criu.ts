/**
 * The steps that start CRIU as a process, for checkpoint and restore. To
 * restore a container, CRIU runs in a mount namespace of its own, in which the
 * root filesystem is a mount, as CRIU requires. Pure; the walker carries them
 * out.
 */

import type { Spec } from "../spec/types.ts";
import { candidates } from "./process/candidates.ts";
import { DEFAULT_DEVICES, openHostFile } from "./mounts/devices.ts";
import type { Step } from "./step.ts";

/** The execve of criu. */
export const criuProcess = (argv: readonly string[], path: string): Step[] => [{
  step: "execute",
  candidates: candidates(argv[0]!, [path]),
  argv: [...argv],
  env: [path],
  why: "criu saves processes to files and restores them",
  man: "criu(8)",
}];

/**
 * The steps to a criu that restores a container on a root directory.
 *
 * @param files the destinations of those mounts that are files
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
      why: "the mounts made for criu stay in their own mount namespace",
      man: "unshare(2)",
    },
    {
      step: "mount",
      source: null,
      target: "/",
      type: null,
      flags: ["MS_REC", "MS_SLAVE"],
      data: null,
      why: "the host never sees the mounts made here",
      man: "mount_namespaces(7)",
    },
    {
      step: "mount",
      source: root,
      target: root,
      type: null,
      flags: ["MS_BIND", "MS_REC"],
      data: null,
      why: "criu needs a mount as the container's root",
      man: "mount(2)",
    },
    ...protectDevices(spec),
    {
      step: "visitRoot",
      root,
      why:
        "paths are now looked up inside the root filesystem, so no symbolic link leads out of it",
      man: "open(2) O_PATH, chroot(2)",
    },
    ...mountpoints(spec, files),
    {
      step: "returnToRoot",
      why: "criu is a program on the host",
      man: "fchdir(2), chroot(2)",
    },
    ...(spec.root.readonly
      ? [
        {
          step: "setMountAttributes",
          mount: { path: root },
          set: ["MOUNT_ATTR_RDONLY"],
          recursive: false,
          why: "criu gives the container's root the attributes of this mount",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
    ...criuProcess(argv, path),
  ];
}

/**
 * criu bind mounts the host's devices, with the attributes of their mount:
 * /dev/null over masked files, and in a user namespace all default devices.
 */
function protectDevices({ linux: { uidMappings } }: Spec): Step[] {
  const paths = DEFAULT_DEVICES.map(({ path }) => path).filter((path) =>
    uidMappings?.length || path === "/dev/null"
  );
  return paths.flatMap((path, index) => {
    const name = `device${index}`;
    return [
      ...openHostFile(
        name,
        path,
        "criu bind mounts this device of the host, whose mode root inside must not change",
      ),
      {
        step: "attach",
        name,
        target: path,
        why: "criu looks for the device at its path",
        man: "move_mount(2)",
      } as const,
    ];
  });
}

/**
 * Makes the mountpoints in the root filesystem, which may be another copy than
 * the one that the container ran on. A mountpoint inside another mount is part
 * of the checkpoint, or of the host.
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
    why: "criu does not create mount points, so they must exist",
    man: "mkdir(2), mknod(2)",
  }));
}
