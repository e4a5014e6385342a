/**
 * Finds the host's devices that a container gets, and the device rules for its
 * cgroup. Only reads and decides; changes nothing. Runs on the host, in the
 * parent. Loaded only if a device is requested.
 */

import { DEFAULT_DEVICE_RULES, splitDevice } from "../../cgroup/devices.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { UsageError } from "../../spec/errors.ts";
import type { DeviceRule, Resources } from "../../spec/resources.ts";
import type { Device, Mount } from "../../spec/types.ts";
import type { FileInfo, World } from "../world/world.ts";
import type { ContainerOptions } from "./options.ts";
import { missingOnHost } from "./fit_mounts.ts";
import { absolutePath, orNull, type Requester } from "./requester.ts";

type Request = NonNullable<ContainerOptions["devices"]>[number];

/** The container has its own versions of these entries of /dev. */
const SKIPPED = new Set([
  "console",
  "fd",
  "hugepages",
  "mqueue",
  "ptmx",
  "pts",
  "shm",
]);

const flagOf = ({ source }: Request) => `--device ${source}`;

/** What `--device` adds to a container. */
export interface FoundDevices {
  devices: Device[];
  /** The limits. They include device rules if a cgroup has to enforce them. */
  resources: Resources | undefined;
}

/**
 * Looks the devices up on the host.
 *
 * @throws {UsageError} for a path that is missing or no device, and for an
 * access that nothing here can enforce
 */
export function findDevices(
  { devices: requests = [], mounts = [], resources, privileged }:
    ContainerOptions,
  requester: Requester,
): FoundDevices {
  const { caller } = requester;
  const found = new Map<string, Device>();
  const rules: DeviceRule[] = [];
  for (const request of requests) {
    const { access = "rwm" } = request;
    if (privileged && !opensAll(access)) throw notWhenPrivileged(request);
    if (!caller.privileged && !opensAll(access)) throw notByUser(request);
    for (const device of devicesAt(request, requester)) {
      found.set(device.path, device);
      rules.push(ruleFor(device, access));
    }
  }
  for (const device of found.values()) requirePlace(device, mounts, requester);
  const devices = [...found.values()];
  // Only the device's own mount allows opening it: a node elsewhere cannot be
  // opened. Without a limit on reading or writing the mount is enough.
  const held = resources !== undefined ||
    requests.some(({ access = "rwm" }) => !opensAll(access));
  if (!held || privileged || !caller.privileged) return { devices, resources };
  return {
    devices,
    resources: {
      ...resources,
      devices: [
        // A request for a device replaces the default rule, even if it allows
        // less.
        ...[
          ...DEFAULT_DEVICE_RULES,
          ...mounts.flatMap((mount) => rulesForMount(mount, requester)),
        ]
          .filter((rule) => !rules.some((asked) => sameDevice(asked, rule))),
        ...rules,
      ],
    },
  };
}

/**
 * Refuses a device for which a file would have to be made in a directory of the
 * host.
 */
function requirePlace(
  { path }: Device,
  mounts: readonly Mount[],
  requester: Requester,
): void {
  const place = missingOnHost(mounts, path, requester);
  if (place === null) return;
  throw new UsageError(
    `--device: cannot mount ${path}: a volume is there, and the host has no ${place}`,
    "Create it as an empty file, or choose another path inside.",
  );
}

/**
 * Whether the access includes everything that open(2) needs. `m` does not
 * matter: every container may create nodes.
 */
const opensAll = (access: string) =>
  access.includes("r") && access.includes("w");

const ruleFor = (
  { type, major, minor }: Device,
  access: string,
): DeviceRule => ({ allow: true, type, major, minor, access });

const sameDevice = (a: DeviceRule, b: DeviceRule) =>
  a.type === b.type && a.major === b.major && a.minor === b.minor;

/**
 * A device that is bind mounted stays usable if a cgroup enforces device rules.
 */
function rulesForMount(
  { type, source = "", options = [] }: Mount,
  requester: Requester,
): DeviceRule[] {
  if (type !== "bind") return [];
  const { world } = requester;
  const path = absolutePath(requester, source);
  const devices = orNull(() => {
    const info = world.stat(path);
    if (info.type !== "directory") return [asDevice(info, source, source)];
    return options.includes("dev") ? [...walk(path, source, world)] : [];
  }) ?? [];
  return devices.flatMap((device) => device ? [ruleFor(device, "rwm")] : []);
}

function devicesAt(request: Request, requester: Requester): Device[] {
  const { source, target = source } = request;
  const path = clean(request, target);
  const { real, info } = lookUp(request, requester);
  if (info.type === "directory") {
    const devices = [...walk(real, path, requester.world)];
    if (devices.length) return devices;
    throw new UsageError(
      `${flagOf(request)}: there is no device in this directory`,
      "To make a host directory available inside, use --volume.",
    );
  }
  const device = asDevice(info, real, path);
  if (device) return [device];
  throw new UsageError(
    `${flagOf(request)}: it is not a device`,
    "To make a host file available inside, use --volume.",
  );
}

function lookUp(
  request: Request,
  requester: Requester,
): { real: string; info: FileInfo } {
  const { source } = request;
  const { world } = requester;
  try {
    const real = world.realPath(absolutePath(requester, source));
    return { real, info: world.stat(real) };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const reason = error.code === "ENOENT"
      ? `${source} does not exist on the host`
      : `${source} cannot be read`;
    throw new UsageError(
      `${flagOf(request)}: ${reason}`,
      "See ls /dev; you may have to load the driver of the device (modprobe).",
    );
  }
}

/**
 * The path without `.` and doubled slashes.
 *
 * @throws {UsageError} for a relative path, `/`, and a path with `..`
 */
function clean(request: Request, path: string): string {
  const parts = path.split("/").filter((part) => part && part !== ".");
  if (path.startsWith("/") && parts.length && !parts.includes("..")) {
    return `/${parts.join("/")}`;
  }
  throw new UsageError(
    `${flagOf(request)}: ${path} is not a valid path inside`,
    "Use an absolute path without `..`.",
  );
}

function asDevice(
  { type, rdev, mode, uid, gid }: FileInfo,
  source: string,
  path: string,
): Device | null {
  if (type !== "character device" && type !== "block device") return null;
  return {
    type: type === "block device" ? "b" : "c",
    path,
    ...splitDevice(rdev),
    fileMode: mode & 0o777,
    uid,
    gid,
    source,
  };
}

/** Every device below a directory. Links are not followed. */
function* walk(
  directory: string,
  path: string,
  world: World,
): Generator<Device> {
  for (const { name, type } of world.readDirectory(directory)) {
    const below = [`${directory}/${name}`, `${path}/${name}`] as const;
    if (type === "link" || directory === "/dev" && SKIPPED.has(name)) continue;
    if (type === "directory") {
      yield* walk(...below, world);
      continue;
    }
    const device = asDevice(world.lstat(below[0]), ...below);
    if (device) yield device;
  }
}

const notByUser = (request: Request) =>
  new UsageError(
    `${
      flagOf(request)
    }: only root can restrict the access to a device to ${request.access}`,
    "Remove the letters; the permissions of the host's device apply.",
  );

const notWhenPrivileged = (request: Request) =>
  new UsageError(
    `${
      flagOf(request)
    }: with --privileged every device can be read and written`,
    "Remove the letters or --privileged.",
  );
