/**
 * A container's files as one side of a copy: which of them are the kernel's, and
 * which are in mounts. Runs on the host, in the command's process.
 */

import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import type { Side } from "../../images/copy/copy.ts";
import { cleanPath } from "../../images/copy/place.ts";
import {
  type ByteString,
  fromText,
  shown as text,
} from "../../images/tar/byte_string.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { IdMapping } from "../../spec/types.ts";
import { nameOf } from "../store/status.ts";
import { type ContainerFiles, kernelPlaces, mountPlaces } from "./files.ts";

/** One side of a copy. */
export interface ContainerSide extends Side, Disposable {
  /** Whether the content of a directory is copied. */
  enters(path: ByteString): boolean;
  /** The mounts in a directory that are not there now. */
  missing(path: ByteString): string[];
}

const isIn = (path: string, directory: string) =>
  path === directory || path.startsWith(`${directory}/`);

/**
 * A path of a container. Of one that does not run, a directory of the host that
 * is mounted there is used as it is.
 *
 * @throws {ContainerError} if the directory is not there
 */
export function inContainer(
  { root, record, isRunning }: ContainerFiles,
  path: string,
  shown: string,
): ContainerSide {
  const { spec } = record;
  const clean = `/${cleanPath(fromText(path))}`;
  const bind = isRunning
    ? undefined
    : spec.mounts?.findLast((mount) =>
      mount.type === "bind" && mount.source?.startsWith("/") &&
      isIn(clean, fromText(mount.destination))
    );
  const kernels = bind ? [] : kernelPlaces(record).map(fromText);
  const mounts = bind || isRunning
    ? []
    : mountPlaces(record).map(fromText).filter((mount) =>
      !kernels.some((kernel) => isIn(mount, kernel))
    );
  let own: Descriptor | undefined;
  let inside = path;
  if (bind) {
    own = directoryOf(bind.source!, shown);
    const end = /\/\.?$/.exec(path)?.[0] ?? "";
    const below = clean.slice(fromText(bind.destination).length);
    inside = `${text(below)}${end}` || "/";
  }
  return {
    root: own ?? root,
    path: inside,
    shown,
    check(place) {
      const full = `/${place}`;
      if (kernels.some((kernel) => isIn(full, kernel))) {
        throw new ContainerError(
          `Cannot copy ${shown}: files in /proc, /sys and /dev are the kernel's`,
          {
            hint: `Read it in the container: container exec ${
              nameOf(record)
            } cat.`,
          },
        );
      }
      const mount = mounts.find((mount) => isIn(full, mount));
      if (mount === undefined) return;
      throw new ContainerError(
        `Cannot copy ${shown}: ${
          text(mount)
        } is a mount, which is there only while the container runs`,
        { hint: `Start it first: container start ${nameOf(record)}.` },
      );
    },
    enters: (place) => !kernels.includes(`/${place}`),
    missing: (place) =>
      mounts.filter((mount) =>
        isIn(mount, place === "" ? "" : `/${place}`) &&
        !/^\/etc\/(hosts|hostname|resolv\.conf)$/.test(mount)
      ).map(text),
    [Symbol.dispose]: () => own?.close(),
  };
}

function directoryOf(path: string, shown: string): Descriptor {
  if (!Deno.statSync(path).isDirectory) {
    throw new ContainerError(
      `Cannot copy ${shown}: it is the file ${path} of the host`,
      { hint: "Copy that file, or start the container first." },
    );
  }
  return open(path, O.O_PATH | O.O_DIRECTORY);
}

/** How owners are changed on the way. */
export interface Owners {
  inside(uid: number, gid: number): { uid: number; gid: number };
  outside(uid: number, gid: number): { uid: number; gid: number };
}

/** Whether this process is in the user namespace of another one. */
function isInside(pid: number): boolean {
  try {
    const [own, other] = ["self", pid].map((name) =>
      Deno.statSync(`/proc/${name}/ns/user`).ino
    );
    return own === other;
  } catch (error) {
    // It has just ended, or belongs to somebody else.
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied
    ) return false;
    throw error;
  }
}

/** The owners of files in a container with its own user namespace. */
export function ownersIn(
  { record: { pid, spec: { linux } }, isRunning }: ContainerFiles,
): Owners | null {
  const { uidMappings, gidMappings } = linux;
  if (!isRunning || !uidMappings?.length || !gidMappings?.length) return null;
  if (isInside(pid)) return null;
  return {
    inside: (uid, gid) => ({
      uid: mapped(uidMappings, uid, "hostID", "containerID"),
      gid: mapped(gidMappings, gid, "hostID", "containerID"),
    }),
    outside: (uid, gid) => ({
      uid: mapped(uidMappings, uid, "containerID", "hostID"),
      gid: mapped(gidMappings, gid, "containerID", "hostID"),
    }),
  };
}

/** The ID of nobody, as the kernel shows IDs without a mapping. */
const NOBODY = 65_534;

function mapped(
  mappings: readonly IdMapping[],
  id: number,
  from: "hostID" | "containerID",
  to: "hostID" | "containerID",
): number {
  const mapping = mappings.find((one) =>
    id >= one[from] && id < one[from] + one.size
  );
  return mapping ? id - mapping[from] + mapping[to] : NOBODY;
}
