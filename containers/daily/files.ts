/**
 * The files of a container, for commands on the host: of a running one as its
 * processes see them, of another one as the next start will. Nothing is mounted
 * anywhere for that. Runs on the host, in the command's process.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { detachedOverlay } from "../../images/layers/detached_overlay.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Mount } from "../../spec/types.ts";
import { changesOf } from "../decide/images/image_root.ts";
import { nameOf } from "../store/status.ts";
import {
  type ContainerRecord,
  type Entry,
  isAlive,
  type Store,
} from "../store/store.ts";

/** The files of a container. */
export interface ContainerFiles extends Disposable {
  /** The open root directory. */
  root: Descriptor;
  record: ContainerRecord;
  /** They are those of its process, with its mounts. */
  isRunning: boolean;
}

/** How a container's files are needed. */
export interface FilesWanted {
  /** What is to be done, for messages: `copy from`. */
  action: string;
  /** Files are added or changed. */
  write: boolean;
  /** Without the container's mounts, even while it runs. */
  withoutMounts?: boolean;
}

/**
 * Opens the files of a container. While they are open, a container that does not
 * run is not started.
 *
 * @throws {ContainerError} if there are none
 */
export function filesOf(
  store: Store,
  id: string,
  wanted: FilesWanted,
): ContainerFiles {
  using held = new DisposableStack();
  const entry = held.use(store.open(id));
  const { record } = entry;
  const runs = isAlive(record);
  if (record.creating) {
    throw new ContainerError(
      `Cannot ${wanted.action} ${nameOf(record)}: it is being created`,
      { hint: "Try again when it runs." },
    );
  }
  const inside = runs && !wanted.withoutMounts ? rootOfProcess(entry) : null;
  if (inside) {
    return {
      root: inside,
      record,
      isRunning: true,
      [Symbol.dispose]() {
        this.root.close();
      },
    };
  }
  if (runs && wanted.write) {
    const name = nameOf(record);
    throw new ContainerError(
      `Cannot ${wanted.action} ${name} while it runs, without root`,
      {
        hint:
          `Use a pipe: tar -c FILE | container exec -i ${name} tar -x -C DIRECTORY.`,
      },
    );
  }
  const root = rootAtRest(record, wanted);
  // The changes of a container are in one mount at a time, so it is not started
  // meanwhile. What only reads does not make it wait.
  const lock = wanted.write ? held.move() : null;
  return {
    root,
    record,
    isRunning: false,
    [Symbol.dispose]() {
      root.close();
      lock?.dispose();
    },
  };
}

/**
 * The root of its first process, with all mounts; null if this process may not
 * enter it, as root of a user's namespace that is not the container's.
 */
function rootOfProcess({ record }: Entry): Descriptor | null {
  let root: Descriptor;
  try {
    root = open(`/proc/${record.pid}/root`, O.O_PATH | O.O_DIRECTORY);
  } catch (error) {
    if (error instanceof SyscallError && error.code === "EACCES") return null;
    throw error;
  }
  // A process that has just ended, or is not inside yet, has another root.
  const here = Deno.statSync("/");
  const there = Deno.statSync(`/proc/self/fd/${root.fd}`);
  if (
    isAlive(record) && (here.dev !== there.dev || here.ino !== there.ino)
  ) return root;
  root.close();
  throw new ContainerError(
    `Cannot use the files of ${nameOf(record)}: its process has just ended`,
    { hint: "Try again." },
  );
}

/** The root filesystem of a container that does not run. */
function rootAtRest(
  record: ContainerRecord,
  { action, write }: FilesWanted,
): Descriptor {
  const { daily, spec } = record;
  const name = nameOf(record);
  const refuse = (cause: string, hint: string) =>
    new ContainerError(`Cannot ${action} ${name}: ${cause}`, { hint });
  if (write && spec.root.readonly) {
    throw refuse(
      "its root filesystem is read-only",
      "Start it without --read-only.",
    );
  }
  const image = daily?.image;
  if (image) {
    const directory = changesOf(image, record.id);
    const [upper, work] = [`${directory}/upper`, `${directory}/work`];
    const isThere = exists(upper);
    if (write && !isThere) {
      throw refuse(
        "it has no files of its own yet",
        `Start it first: container start ${name}.`,
      );
    }
    return write
      ? detachedOverlay({ layers: image.layers, changes: { upper, work } })
      : detachedOverlay({
        layers: isThere ? [upper, ...image.layers] : image.layers,
        changes: null,
      });
  }
  const path = daily?.rootfs ?? absolute(spec.root.path, record.bundle);
  const info = statOrNull(path);
  if (!info?.isDirectory) {
    throw refuse(
      info
        ? "its root filesystem is an image file"
        : "its root filesystem is not a directory of the host",
      `Start it first: container start ${name}.`,
    );
  }
  if (daily?.options.ephemeral && write) {
    throw refuse(
      "its changes are in memory while it runs",
      `Start it first: container start ${name}.`,
    );
  }
  const overlay = daily?.options.overlay;
  if (overlay === undefined || !exists(`${overlay}/upper`)) {
    return open(path, O.O_PATH | O.O_DIRECTORY);
  }
  const [upper, work] = [`${overlay}/upper`, `${overlay}/work`];
  const userMarks = spec.linux.namespaces?.some(({ type }) => type === "user");
  return write
    ? detachedOverlay({ layers: [path], changes: { upper, work }, userMarks })
    : detachedOverlay({ layers: [upper, path], changes: null, userMarks });
}

const absolute = (path: string, bundle: string) =>
  path.startsWith("/") ? path : `${bundle}/${path}`;

const exists = (path: string) => statOrNull(path) !== null;

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return null;
    throw error;
  }
}

/** File systems whose files are the kernel's. */
const KERNELS = /^(proc|sysfs|cgroup2?|mqueue|devpts|devtmpfs)$/;

/** Whether the files of a mount are the kernel's, and not the container's. */
const isKernels = ({ destination, type = "" }: Mount) =>
  KERNELS.test(type) || destination === "/dev";

const destinations = (mounts: readonly Mount[]) =>
  mounts.map(({ destination }) => destination.replace(/\/+$/, ""));

/** Where a container has files of the kernel, which are never copied. */
export const kernelPlaces = ({ spec }: ContainerRecord): string[] =>
  destinations((spec.mounts ?? []).filter(isKernels));

/** Where a container has other mounts. */
export const mountPlaces = ({ spec }: ContainerRecord): string[] =>
  destinations((spec.mounts ?? []).filter((mount) => !isKernels(mount)));
