/**
 * /dev: a small file system in memory with the few devices that every program
 * expects (OCI runtime-spec, "Default Devices"). The host's other devices do
 * not exist in it, and without CAP_MKNOD they cannot be made.
 */

import type { Device, Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import type { Step } from "./step.ts";

const character = (path: string, major: number, minor: number): Device => ({
  type: "c",
  path,
  major,
  minor,
  fileMode: 0o666,
});

/** Devices that are always there, charset(4) names and numbers of null(4), random(4), tty(4). */
export const DEFAULT_DEVICES: readonly Device[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

/** What programs reach through a name in /dev. */
const SYMLINKS: readonly [path: string, to: string][] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/ptmx", "pts/ptmx"],
];

const hasDev = (spec: Spec) =>
  spec.mounts?.some((mount) => mount.destination === "/dev") ?? false;

const devices = (spec: Spec): Device[] => {
  const own = spec.linux.devices ?? [];
  return [
    ...DEFAULT_DEVICES.filter(({ path }) =>
      !own.some((device) => device.path === path)
    ),
    ...own,
  ];
};

const nameOf = (index: number) => `device${index}`;

/** Opens the host's devices where new nodes cannot be made. */
export function prepareDevices(spec: Spec, { bindDevices }: Facts): Step[] {
  if (!hasDev(spec) || !bindDevices) return [];
  return devices(spec).map((device, index): Step => ({
    step: "openTree",
    name: nameOf(index),
    source: device.path,
    recursive: false,
    why:
      "a device node cannot be made in a user namespace: the host's own is lent",
    man: "open_tree(2), mknod(2)",
  }));
}

/** The devices and links in a /dev of the container's own. */
export function makeDevices(spec: Spec, { bindDevices }: Facts): Step[] {
  if (!hasDev(spec)) return [];
  const why = "every program expects it";
  return [
    ...devices(spec).flatMap((device, index): Step[] =>
      bindDevices
        ? [{
          step: "makeMountpoint",
          path: device.path,
          kind: "file",
          why,
          man: "mknod(2)",
        }, {
          step: "attach",
          name: nameOf(index),
          target: device.path,
          why,
          man: "move_mount(2)",
        }]
        : [{ step: "makeDevice", ...device, why, man: "mknod(2), null(4)" }]
    ),
    ...SYMLINKS.map(([path, to]): Step => ({
      step: "makeSymlink",
      path,
      to,
      why: path === "/dev/ptmx"
        ? "pseudo-terminals come from the container's own devpts"
        : "a file's name for an open descriptor, which shells use",
      man: path === "/dev/ptmx" ? "pts(4)" : "fd(4)",
    })),
  ];
}
