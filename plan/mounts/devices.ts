/**
 * /dev: a small file system in memory with the few devices that every program
 * expects (OCI runtime-spec, "Default Devices"). The host's other devices do
 * not exist in it, but root inside may make nodes, as docker's may, and an
 * image may bring some. Docker keeps both closed with a cgroup; here every
 * mount is made nodev, and each device of /dev is mounted by itself without
 * that: a node anywhere else is there and opens nothing.
 */

import type { Device, Mount, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { keepsOffKernel } from "./kernel_places.ts";
import { stageFiles } from "./memory_files.ts";
import { isBind } from "./options.ts";
import type { Step } from "../step.ts";

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

const devMount = ({ mounts = [] }: Spec) =>
  mounts.findLast(({ destination }) => destination === "/dev");

const hasMount = (spec: Spec) => devMount(spec) !== undefined;

/**
 * Whether devices and links are made in /dev. One that a bundle binds from the
 * host, or `--privileged` does, stays as it is there, as with runc: what it
 * lacks would be made on the host. In a bundle without a mount there, they are
 * made in its root filesystem where that can be written, and stay.
 */
function hasDev(spec: Spec, facts: Facts): boolean {
  const mount = devMount(spec);
  if (!mount) return facts.isBundle ?? false;
  return facts.confineDevices || !isBind(mount);
}

/** Those that are always there, and the configuration's. */
export const devicesOf = (spec: Spec): Device[] => {
  const own = spec.linux.devices ?? [];
  return [
    ...DEFAULT_DEVICES.filter(({ path }) =>
      !own.some((device) => device.path === path)
    ),
    ...own,
  ];
};

/** Those that there are to be, and that are not the host's to have. */
function wantedDevices(spec: Spec, facts: Facts): Device[] {
  if (hasDev(spec, facts)) return devicesOf(spec);
  const { devices = [] } = spec.linux;
  return facts.isBundle
    ? devices.filter(({ path }) => !path.startsWith("/dev/"))
    : [];
}

const nameOf = (index: number) => `device${index}`;

/** A node in the root filesystem itself would outlive the container. */
const isMounted = (
  { path }: Device,
  { bindDevices, confineDevices }: Facts,
) => bindDevices || confineDevices || !path.startsWith("/dev/");

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

/**
 * Devices are made, or the host's opened, while no one else can see the paths;
 * files in memory are made beside them.
 */
export function prepareDevices(spec: Spec, facts: Facts): Step[] {
  const all = wantedDevices(spec, facts);
  const lent = facts.bindDevices
    ? all.flatMap((device, index) =>
      lend(
        nameOf(index),
        device.source ?? device.path,
        "a device node cannot be made in a user namespace: the host's own is lent",
      )
    )
    : [];
  const made = [
    ...(facts.bindDevices ? [] : stageDevices(all, facts)),
    ...stageFiles(spec, STAGE),
  ];
  return [...lent, ...onStage(made, goesWithHost(spec, facts, made))];
}

/** Covered for a moment, in this mount tree only. */
const STAGE = "/dev";

/**
 * Nothing needs the host's /dev any more, and pivot_root takes it away with the
 * rest. Each unmount has the kernel wait for every CPU (RCU). What masks files
 * is read from there yet (plan/mounts/root.ts): the stage's null device is as good, if
 * it has one.
 */
function goesWithHost(
  spec: Spec,
  facts: Facts,
  staged: readonly Step[],
): boolean {
  const { upper, work } = facts.overlay ?? {};
  return facts.changeRoot === "pivot_root" && facts.rootKind === "directory" &&
    (!spec.linux.maskedPaths?.length || staged.some(isNullDevice)) &&
    ![spec.root.path, upper, work].some((path) =>
      path?.startsWith(`${STAGE}/`) || path === STAGE
    );
}

const isNullDevice = (step: Step) =>
  step.step === "makeDevice" && step.path === "/dev/null" &&
  step.type === "c" && step.major === 1 && step.minor === 3;

/**
 * Each device as a mount without a place yet. They are not made in the
 * container's /dev, whose name another container on the same root filesystem
 * could move about meanwhile.
 */
function stageDevices(all: readonly Device[], facts: Facts): Step[] {
  return all.flatMap((device, index): Step[] => {
    if (!isMounted(device, facts)) return [];
    const path = device.path.startsWith(`${STAGE}/`)
      ? device.path
      : `${STAGE}/${nameOf(index)}`;
    return [{
      step: "makeDevice",
      ...device,
      path,
      why: "a device that the container may use",
      man: "mknod(2), null(4)",
    }, {
      step: "openTree",
      name: nameOf(index),
      source: path,
      recursive: false,
      why: "a mount of its own: the container's /dev is nodev",
      man: "open_tree(2), mount(8) nodev",
    }];
  });
}

/**
 * A file system in memory for as long as it takes to make and open what is on
 * it, or until the host's tree goes.
 */
function onStage(made: readonly Step[], stays: boolean): Step[] {
  if (!made.length) return [];
  return [
    {
      step: "createFilesystem",
      name: "stage",
      type: "tmpfs",
      source: "stage",
      options: ["mode=755"],
      attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NOEXEC"],
      why:
        "a place in memory where the container's devices and files are made: on its root filesystem and in its own /dev a device node opens nothing",
      man: "fsopen(2), fsmount(2), tmpfs(5)",
    },
    {
      step: "attach",
      name: "stage",
      target: STAGE,
      why:
        "it covers the host's /dev, in this mount namespace alone, until all of it is made and opened",
      man: "move_mount(2)",
    },
    ...made,
    ...(stays ? [] : [
      {
        step: "unmount",
        target: STAGE,
        why:
          "what was opened is a mount that waits for its place; nobody can reach it by a path meanwhile",
        man: "umount2(2)",
      } as const,
    ]),
  ];
}

/** The devices and links in a /dev of the container's own. */
export function makeDevices(spec: Spec, facts: Facts): Step[] {
  const ifWritable = hasMount(spec) ? {} : { ifWritable: true } as const;
  const ifThere = hasMount(spec) ? {} : { ifThere: true } as const;
  return [
    ...wantedDevices(spec, facts).flatMap((device, index): Step[] => {
      const why = spec.linux.devices?.includes(device)
        ? "it was asked for"
        : "every program expects it";
      return isMounted(device, facts)
        ? [{
          step: "makeMountpoint",
          path: device.path,
          kind: "file",
          why: "an empty file, for the device to be mounted on",
          man: "mknod(2)",
        }, {
          step: "attach",
          name: nameOf(index),
          target: device.path,
          ...(keepsOffKernel(spec, device.path)
            ? { keepsOffKernel: true } as const
            : {}),
          ...ifThere,
          why,
          man: "move_mount(2)",
        }]
        : [{
          step: "makeDevice",
          ...device,
          ...ifWritable,
          why,
          man: "mknod(2), null(4)",
        }];
    }),
    ...(hasDev(spec, facts) ? SYMLINKS : []).map(([path, to]): Step => ({
      step: "makeSymlink",
      path,
      to,
      ...ifWritable,
      why: path === "/dev/ptmx"
        ? "pseudo-terminals come from the container's own devpts"
        : "a file's name for an open descriptor, which shells use",
      man: path === "/dev/ptmx" ? "pts(4)" : "fd(4)",
    })),
  ];
}
