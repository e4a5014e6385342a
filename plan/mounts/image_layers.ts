/**
 * The root filesystem of a container from an image: one overlay over the
 * image's layers, with the container's changes on top. Pure. The steps belong to
 * the container phase.
 *
 * The layers have the marks of `userxattr`, for root and for users alike, so one
 * store serves both. See filesystems/overlayfs.rst in the kernel's
 * documentation.
 */

import { SpecError } from "../../spec/errors.ts";
import type { IdMapping } from "../../spec/types.ts";
import type { Step, StepOf } from "../step.ts";

/** What an overlay consists of. */
export interface ImageLayers {
  /** The directories of the layers, absolute, the top first. */
  layers: readonly string[];
  /** The container's changes and overlayfs's own directory; null for read-only. */
  changes: { upper: string; work: string } | null;
  /** An empty directory, for an image of one layer that is mounted read-only. */
  empty: string;
  /** The changes need not survive a crash of the machine, as with --rm. */
  volatile: boolean;
  /** The kernel takes the layers one by one (lowerdir+, Linux 6.8). */
  oneByOne: boolean;
  /** Present if the owners are mapped into the container's user namespace. */
  mapped?: MappedLayers;
}

/** Where the layers and the changes are on the host, and their map. */
export interface MappedLayers {
  /** The directory that all layers are in. */
  layers: string;
  /**
   * The directory that the changes are in, and an empty directory `layers`; for
   * an image that is mounted, the store.
   */
  changes: string;
  uids: readonly IdMapping[];
  gids: readonly IdMapping[];
}

/** An image that a mount shows. */
export interface MountedImage {
  layers: ImageLayers;
  /** The path in the image that is shown, without links; null for all of it. */
  path: string | null;
  kind: "directory" | "file";
  /** Changes stay in memory; otherwise it is read-only. */
  writable: boolean;
}

/** OVL_MAX_STACK of the kernel. */
export const MOST_LAYERS = 500;

/** fsconfig(2) takes strings of less than 256 bytes. */
const MOST_STRING_BYTES = 255;

/** mount(2) takes one page of options, with the NUL. */
const MOST_OPTION_BYTES = 4095;

const MAN = "fsconfig(2), the kernel's overlayfs documentation";

const encoder = new TextEncoder();

const bytesIn = (text: string) => encoder.encode(text).length;

/**
 * Mounts an image's layers at a path.
 *
 * @param why what the mount at this path is for
 * @throws SpecError if the kernel cannot take so many layers, or so long paths
 */
export function mountLayers(
  image: ImageLayers,
  target: string,
  why = "pivot_root needs a mount as the new root",
): Step[] {
  const { layers } = image;
  if (layers.length > MOST_LAYERS) {
    throw new SpecError(
      `Cannot mount the image: it has ${layers.length} layers, and the kernel takes ${MOST_LAYERS}`,
      { hint: "Build the image with fewer layers, or squash them." },
    );
  }
  const isShort = [...layers, ...Object.values(image.changes ?? {})]
    .every((path) => bytesIn(path) <= MOST_STRING_BYTES);
  return image.oneByOne && isShort
    ? byDescriptor(image, target, why)
    : byOptions(image, target);
}

/** The names of the mounts with mapped owners. */
export const [MAPPED_CHANGES, MAPPED_LAYERS, MAPPED_STORE] = [
  "changes",
  "layers",
  "images",
] as const;

/**
 * The same image, at its paths below mounts with mapped owners. Root inside may
 * not enter the store on the host. An older kernel takes only what is attached
 * as a layer, so these mounts are attached where the overlay will cover them.
 */
export function belowMapped(image: ImageLayers, target: string): ImageLayers {
  const { mapped, layers, changes, empty } = image;
  if (!mapped) return image;
  const inChanges = (path: string) =>
    `${target}${path.slice(mapped.changes.length)}`;
  return {
    ...image,
    layers: layers.map((path) =>
      `${target}/layers${path.slice(mapped.layers.length)}`
    ),
    changes: changes && {
      upper: inChanges(changes.upper),
      work: inChanges(changes.work),
    },
    empty: empty.startsWith(`${mapped.changes}/`) ? inChanges(empty) : empty,
  };
}

/** The layers from the top; an overlay without changes needs two. */
const lowersOf = ({ layers, changes, empty }: ImageLayers) =>
  changes || layers.length > 1 ? layers : [...layers, empty];

const optionsOf = ({ changes, volatile }: ImageLayers): string[] => [
  "userxattr",
  // An index or a followed redirect would trust what the layers say.
  "index=off",
  "redirect_dir=nofollow",
  ...(changes && volatile ? ["volatile"] : []),
];

const whyOne = ({ layers, changes }: ImageLayers) =>
  changes
    ? `the image's ${
      counted(layers.length)
    } and the container's changes in ${changes.upper} are one tree`
    : `the image's ${
      counted(layers.length)
    } are one tree, which cannot be changed`;

const counted = (count: number) => count === 1 ? "layer" : `${count} layers`;

/** The kernel reads escapes in these two paths, but not in lowerdir+. */
const unescapable = (path: string) => path.replace(/\\/g, "\\\\");

/** The name of the overlay before it is attached. */
const NAME = "root";

function byDescriptor(
  image: ImageLayers,
  target: string,
  attached: string,
): Step[] {
  const { changes } = image;
  return [{
    step: "createFilesystem",
    name: NAME,
    type: "overlay",
    source: "overlay",
    options: [
      ...lowersOf(image).map((path) => `lowerdir+=${path}`),
      ...(changes
        ? [
          `upperdir=${unescapable(changes.upper)}`,
          `workdir=${unescapable(changes.work)}`,
        ]
        : []),
      ...optionsOf(image),
    ],
    attributes: changes ? [] : ["MOUNT_ATTR_RDONLY"],
    why: whyOne(image),
    man: MAN,
  }, {
    step: "attach",
    name: NAME,
    target,
    why: attached,
    man: "move_mount(2)",
  }];
}

/** A path in the options of mount(2), where some characters separate. */
const escaped = (path: string) => path.replace(/[\\:,]/g, "\\$&");

/** The directory above all paths, with a slash at its end. */
function commonDirectory(paths: readonly string[]): string {
  const [first = "/"] = paths;
  let end = first.lastIndexOf("/") + 1;
  for (const path of paths) {
    while (!path.startsWith(first.slice(0, end))) {
      end = first.lastIndexOf("/", end - 2) + 1;
    }
  }
  return first.slice(0, end);
}

/** For kernels before 6.8: one page holds all options. */
function byOptions(image: ImageLayers, target: string): Step[] {
  const { layers, changes } = image;
  const lowers = lowersOf(image);
  const data = (from: string) =>
    [
      `lowerdir=${
        lowers.map((path) => escaped(path.slice(from.length))).join(":")
      }`,
      ...(changes
        ? [
          `upperdir=${escaped(changes.upper)}`,
          `workdir=${escaped(changes.work)}`,
        ]
        : []),
      ...optionsOf(image),
    ].join(",");
  const mount = (data: string): StepOf<"mount"> => ({
    step: "mount",
    source: "overlay",
    target,
    type: "overlay",
    flags: changes ? [] : ["MS_RDONLY"],
    data,
    why: whyOne(image),
    man: "mount(2), the kernel's overlayfs documentation",
  });
  const absolute = data("");
  if (bytesIn(absolute) <= MOST_OPTION_BYTES) return [mount(absolute)];
  const directory = commonDirectory(lowers);
  const relative = data(directory);
  if (bytesIn(relative) > MOST_OPTION_BYTES) {
    throw new SpecError(
      `Cannot mount the image: the paths of its ${
        counted(layers.length)
      } do not fit into the options of mount(2)`,
      {
        hint:
          "Use Linux 6.8 or newer, or an image with fewer layers, or a store with a shorter path (--store).",
      },
    );
  }
  return [{
    step: "changeDirectory",
    path: directory,
    why: "the options of mount(2) have room for short paths only",
    man: "chdir(2)",
  }, mount(relative)];
}
