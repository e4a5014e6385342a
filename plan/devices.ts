/**
 * /dev: a small file system in memory with the few devices that every program
 * expects (OCI runtime-spec, "Default Devices"). The host's other devices do
 * not exist in it, but root inside may make nodes, as docker's may, and an
 * image may bring some. Docker keeps both closed with a cgroup; here every
 * mount is made nodev, and each device of /dev is mounted by itself without
 * that: a node anywhere else is there and opens nothing.
 */

import type { Device, Mount, Spec } from "../spec/types.ts";
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

/** A bind mount of one device is a wish for it; `dev` says so of a directory. */
const isWanted = ({ source = "", options = [] }: Mount, { files }: Facts) =>
  files.includes(source) || options.includes("dev");

/** The Spec with mounts on which no device can be opened. */
export function confineMounts(spec: Spec, facts: Facts): Spec {
  if (!facts.confineDevices) return spec;
  return {
    ...spec,
    mounts: spec.mounts?.map((mount) => {
      const { options = [] } = mount;
      // Terminals are devices; nothing else can be made among them.
      if (mount.type === "devpts" || isWanted(mount, facts)) return mount;
      const recursive = options.includes("rbind");
      if (!recursive && options.includes("nodev")) return mount;
      return {
        ...mount,
        options: [...options, recursive ? "rnodev" : "nodev"],
      };
    }),
  };
}

/** The host's node can be used, and neither its mode nor its owner be changed. */
const LENT = [
  "MOUNT_ATTR_RDONLY",
  "MOUNT_ATTR_NOSUID",
  "MOUNT_ATTR_NOEXEC",
] as const;

/** A file of the host that is lent to the container under a name. */
export function lend(name: string, source: string, why: string): Step[] {
  return [{
    step: "openTree",
    name,
    source,
    recursive: false,
    why,
    man: "open_tree(2), mknod(2)",
  }, {
    step: "setMountAttributes",
    mount: { name },
    set: LENT,
    recursive: false,
    why:
      "it is the host's own file: root inside could change its mode for everybody",
    man: "mount_setattr(2)",
  }];
}

/** Devices are made, or the host's opened, while no one else can see the paths. */
export function prepareDevices(spec: Spec, facts: Facts): Step[] {
  if (!hasDev(spec)) return [];
  if (facts.bindDevices) {
    return devices(spec).flatMap((device, index) =>
      lend(
        nameOf(index),
        device.path,
        "a device node cannot be made in a user namespace: the host's own is lent",
      )
    );
  }
  return facts.confineDevices
    ? stageDevices(devices(spec), goesWithHost(spec, facts))
    : [];
}

/** Covered for a moment, in this mount tree only. */
const STAGE = "/dev";

/**
 * Nothing needs the host's /dev any more, and pivot_root takes it away with the
 * rest. Each unmount has the kernel wait for every CPU (RCU).
 */
function goesWithHost(spec: Spec, facts: Facts): boolean {
  const { upper, work } = facts.overlay ?? {};
  return facts.changeRoot === "pivot_root" && facts.rootKind === "directory" &&
    ![spec.root.path, upper, work].some((path) =>
      path?.startsWith(`${STAGE}/`) || path === STAGE
    );
}

/**
 * Each device as a mount without a place yet. They are not made in the
 * container's /dev, whose name another container on the same root filesystem
 * could move about meanwhile.
 */
function stageDevices(all: readonly Device[], stays: boolean): Step[] {
  return [
    {
      step: "createFilesystem",
      name: "devices",
      type: "tmpfs",
      source: "devices",
      options: ["mode=755"],
      attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NOEXEC"],
      why: "the only file system on which device nodes are more than names",
      man: "fsopen(2), fsmount(2), tmpfs(5)",
    },
    {
      step: "attach",
      name: "devices",
      target: STAGE,
      why: "over the host's, unseen by it, until the devices are made",
      man: "move_mount(2)",
    },
    ...all.flatMap((device, index): Step[] => {
      const path = device.path.startsWith(`${STAGE}/`)
        ? device.path
        : `${STAGE}/${nameOf(index)}`;
      return [{
        step: "makeDevice",
        ...device,
        path,
        why: "one of those that may be used",
        man: "mknod(2), null(4)",
      }, {
        step: "openTree",
        name: nameOf(index),
        source: path,
        recursive: false,
        why: "a mount of its own: the container's /dev is nodev",
        man: "open_tree(2), mount(8) nodev",
      }];
    }),
    ...(stays ? [] : [
      {
        step: "unmount",
        target: STAGE,
        why: "the devices that were opened stay; their directory is not needed",
        man: "umount2(2)",
      } as const,
    ]),
  ];
}

/** The devices and links in a /dev of the container's own. */
export function makeDevices(
  spec: Spec,
  { bindDevices, confineDevices }: Facts,
): Step[] {
  if (!hasDev(spec)) return [];
  const why = "every program expects it";
  return [
    ...devices(spec).flatMap((device, index): Step[] =>
      bindDevices || confineDevices
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
