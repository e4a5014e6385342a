/**
 * /dev: a small file system in memory with the few devices that every program
 * expects (OCI runtime-spec, "Default Devices"). It has none of the host's
 * other devices. But root inside may make device nodes, as with docker, and an
 * image may contain some. Docker keeps these closed with a cgroup. Here every
 * mount is nodev, and each allowed device is a mount of its own without nodev:
 * any other node exists but cannot be opened.
 */

import type { Device, Mount, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { kernelKeeper } from "./kernel_places.ts";
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

/**
 * The devices that every container has, with the numbers of null(4), random(4),
 * tty(4).
 */
export const DEFAULT_DEVICES: readonly Device[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

/** The symbolic links that programs expect in /dev. */
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

/** Whether /dev is a directory of the host. Nothing may be made there. */
export function isDevBound(spec: Spec): boolean {
  const mount = devMount(spec);
  return mount !== undefined && isBind(mount);
}

/**
 * Whether the container has the default devices. A /dev that is bind mounted
 * from the host, by a bundle or `--privileged`, stays unchanged, as with runc.
 * Without `--privileged` such a /dev is nodev, and the devices cover what is
 * there. A bundle without a mount at /dev gets them in its root filesystem
 * (`nodesInRoot`), if that is writable, and they remain there.
 */
function fillsDev(spec: Spec, facts: Facts): boolean {
  const mount = devMount(spec);
  if (!mount) return facts.nodesInRoot;
  return facts.confineDevices || !isBind(mount);
}

/** The default devices and those of the configuration. */
export const devicesOf = (spec: Spec): Device[] => {
  const own = spec.linux.devices ?? [];
  return [
    ...DEFAULT_DEVICES.filter(({ path }) =>
      !own.some((device) => device.path === path)
    ),
    ...own,
  ];
};

/** The devices to make, without those in a /dev that is the host's. */
function wantedDevices(spec: Spec, facts: Facts): Device[] {
  if (fillsDev(spec, facts)) return devicesOf(spec);
  const { devices = [] } = spec.linux;
  return facts.nodesInRoot
    ? devices.filter(({ path }) => !path.startsWith("/dev/"))
    : [];
}

const nameOf = (index: number) => `device${index}`;

/**
 * Whether a device is mounted; a node in the root filesystem would outlive the
 * container.
 */
const isMounted = (
  { path }: Device,
  { bindDevices, confineDevices }: Facts,
) => bindDevices || confineDevices || !path.startsWith("/dev/");

/** Whether a mount asks for devices: a bind mount of a file, or the option `dev`. */
const asksForDevices = (
  { source = "", options = [] }: Mount,
  files: ReadonlySet<string>,
) => files.has(source) || options.includes("dev");

/** The Spec with every mount made nodev, unless the mount asks for devices. */
export function confineMounts(spec: Spec, facts: Facts): Spec {
  if (!facts.confineDevices) return spec;
  const files = new Set(facts.files);
  return {
    ...spec,
    mounts: spec.mounts?.map((mount) => {
      const { options = [] } = mount;
      // Terminals are devices, and devpts holds nothing else.
      if (mount.type === "devpts" || asksForDevices(mount, files)) return mount;
      const recursive = options.includes("rbind");
      if (!recursive && options.includes("nodev")) return mount;
      return {
        ...mount,
        options: [...options, recursive ? "rnodev" : "nodev"],
      };
    }),
  };
}

/** The host's file can be opened, but its mode and owner cannot be changed. */
const HOST_FILE_ATTRIBUTES = [
  "MOUNT_ATTR_RDONLY",
  "MOUNT_ATTR_NOSUID",
  "MOUNT_ATTR_NOEXEC",
] as const;

/** Opens a file of the host under a name, as a mount that cannot be changed. */
export function openHostFile(
  name: string,
  source: string,
  why: string,
): Step[] {
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
    set: HOST_FILE_ATTRIBUTES,
    recursive: false,
    why:
      "this is the host's own file: root inside could change its mode for the host too",
    man: "mount_setattr(2)",
  }];
}

/**
 * Makes the devices, or opens the host's, before any other process can see
 * their paths. The files in memory are made in the same place.
 */
export function prepareDevices(spec: Spec, facts: Facts): Step[] {
  const all = wantedDevices(spec, facts);
  const bound = facts.bindDevices
    ? all.flatMap((device, index) =>
      openHostFile(
        nameOf(index),
        device.source ?? device.path,
        "device nodes cannot be created in a user namespace, so the host's node is bind mounted",
      )
    )
    : [];
  const made = [
    ...(facts.bindDevices ? [] : stageDevices(all, facts)),
    ...stageFiles(spec, STAGE),
  ];
  return [...bound, ...onStage(made, isDetachedWithHost(spec, facts, made))];
}

/** The directory that is covered for a moment, in this mount namespace only. */
const STAGE = "/dev";

/**
 * Whether pivot_root can detach the stage together with the host's tree,
 * because no later step needs the host's /dev. That saves an unmount, for which
 * the kernel waits for every CPU (RCU). The cover of masked files is opened at
 * /dev/null later (plan/mounts/root.ts); the stage's null device serves as
 * well.
 */
function isDetachedWithHost(
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
 * Makes each device and opens it as a mount that is not attached yet. They are
 * not made in the container's /dev: another container on the same root
 * filesystem could rename that directory meanwhile.
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
      why:
        "the device becomes a separate mount, because the container's /dev is nodev",
      man: "open_tree(2), mount(8) nodev",
    }];
  });
}

/**
 * Surrounds steps with a file system in memory at /dev. It is unmounted after
 * them, unless it stays until the host's tree is detached.
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
        "a place in memory to create devices and files: the root filesystem and the container's /dev are nodev, so device nodes there cannot be opened",
      man: "fsopen(2), fsmount(2), tmpfs(5)",
    },
    {
      step: "attach",
      name: "stage",
      target: STAGE,
      why:
        "covers the host's /dev, only in this mount namespace, until the devices and files are created and opened",
      man: "move_mount(2)",
    },
    ...made,
    ...(stays ? [] : [
      {
        step: "unmount",
        target: STAGE,
        why:
          "each opened device or file is now a mount without a path, which no other process can reach until it is attached",
        man: "umount2(2)",
      } as const,
    ]),
  ];
}

/** Puts the devices and links into the container's /dev. */
export function makeDevices(spec: Spec, facts: Facts): Step[] {
  const ifWritable = hasMount(spec) ? {} : { ifWritable: true } as const;
  const isBound = isDevBound(spec);
  const keepsOffKernel = kernelKeeper(spec);
  return [
    ...wantedDevices(spec, facts).flatMap((device, index): Step[] => {
      const isAsked = spec.linux.devices?.includes(device);
      const why = isAsked
        ? "this device was requested"
        : "programs expect this device";
      const isOnHost = isBound && device.path.startsWith("/dev/");
      const ifThere = isOnHost && !isAsked || !hasMount(spec)
        ? { ifThere: true } as const
        : {};
      return isMounted(device, facts)
        ? [
          ...(isOnHost ? [] : [
            {
              step: "makeMountpoint",
              path: device.path,
              kind: "file",
              why: "an empty file to mount the device on",
              man: "mknod(2)",
            } as const,
          ]),
          {
            step: "attach",
            name: nameOf(index),
            target: device.path,
            ...(keepsOffKernel(device.path)
              ? { keepsOffKernel: true } as const
              : {}),
            ...ifThere,
            why,
            man: "move_mount(2)",
          },
        ]
        : [{
          step: "makeDevice",
          ...device,
          ...ifWritable,
          why,
          man: "mknod(2), null(4)",
        }];
    }),
    ...(fillsDev(spec, facts) && !isBound ? SYMLINKS : []).map((
      [path, to],
    ): Step => ({
      step: "makeSymlink",
      path,
      to,
      ...ifWritable,
      why: path === "/dev/ptmx"
        ? "pseudo-terminals come from the container's own devpts"
        : "shells and programs use this path for an open descriptor",
      man: path === "/dev/ptmx" ? "pts(4)" : "fd(4)",
    })),
  ];
}
