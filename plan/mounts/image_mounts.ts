/**
 * Images that are mounted in a container, in addition to its root filesystem.
 * An overlay of the layers is mounted while the host's tree exists, briefly
 * where the root filesystem will be, and then waits to be attached inside. The
 * steps belong to the container phase. Pure.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { hasNamespace } from "../namespaces.ts";
import type { Step } from "../step.ts";
import {
  aboveOpen,
  hostMountsOf,
  mountName,
  receiveMount,
} from "./host_mounts.ts";
import { STAGING } from "./host_tree.ts";
import {
  belowMapped,
  MAPPED_STORE,
  type MountedImage,
  mountLayers,
} from "./image_layers.ts";
import { mountOptions } from "./options.ts";

/** Whether a mount shows an image. */
export const isImageMount = ({ type }: Mount): boolean => type === "image";

/** Mounts the images of a Spec, each under the name of its mount. */
export function prepareImageMounts(spec: Spec, facts: Facts): Step[] {
  const { mountedImages } = facts;
  if (!mountedImages) return [];
  const target = facts.rootKind === "directory" ? spec.root.path : STAGING;
  const store = hostMountsOf(spec, facts).get(MAPPED_STORE);
  return [
    ...(store
      ? [
        receiveMount(MAPPED_STORE, store.descriptor),
        {
          step: "attach",
          name: MAPPED_STORE,
          target,
          why:
            "the images take their layers from here, with mapped owners, until they are mounted",
          man: "move_mount(2)",
        } as const,
      ]
      : []),
    ...(spec.mounts ?? []).flatMap((entry, index): Step[] => {
      const image = isImageMount(entry) && mountedImages[entry.destination];
      return image
        ? prepare(spec, facts, { entry, image, target, name: mountName(index) })
        : [];
    }),
    ...(store ? [uncover(target)] : []),
  ];
}

const uncover = (target: string): Step => ({
  step: "unmount",
  target,
  why: "uncovers the path, where the root filesystem comes next",
  man: "umount2(2)",
});

interface Prepared {
  entry: Mount;
  image: MountedImage;
  target: string;
  name: string;
}

function prepare(
  spec: Spec,
  facts: Facts,
  { entry, image, target, name }: Prepared,
): Step[] {
  const { layers, path, writable } = image;
  const { attributes } = mountOptions(entry.options ?? []);
  return [
    ...mountLayers(
      belowMapped(layers, target),
      target,
      "the layers are on the host, so they are mounted now, briefly here and only in this mount namespace",
    ),
    ...(writable
      ? [
        {
          step: "mountOverlay",
          root: target,
          target,
          upper: null,
          work: null,
          userNamespace: hasNamespace(spec, "user"),
          above: aboveOpen(spec, facts),
          why:
            "changes are kept in memory and lost when the container ends; the image stays unchanged",
          man: "mount(2), the kernel's overlayfs documentation",
        } as const,
      ]
      : []),
    {
      step: "openTree",
      name,
      source: path === null || path === "" ? target : `${target}/${path}`,
      recursive: false,
      why:
        `keeps the mount, which waits to be attached at ${entry.destination}`,
      man: "open_tree(2)",
    },
    ...(attributes.length
      ? [
        {
          step: "setMountAttributes",
          mount: { name },
          set: attributes,
          recursive: false,
          why: "set before any process inside can see the mount",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
    // The layer in memory and the overlay over it are mounts of their own.
    ...Array.from({ length: writable ? 3 : 1 }, () => uncover(target)),
  ];
}
