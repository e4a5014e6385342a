/**
 * The road from the options of `run`, or of the library, to a Spec and to the
 * facts that its plan depends on. Only reads and decides; changes nothing. Runs
 * on the host, in the process the user started.
 */

import type { CgroupPlan } from "../../cgroup/step.ts";
import type { Facts } from "../../plan/facts.ts";
import { hasNamespace } from "../../plan/namespaces.ts";
import type { HostStep } from "../../plan/step.ts";
import type { Resources } from "../../spec/resources.ts";
import type { Device, Spec } from "../../spec/types.ts";
import { readFacts } from "./facts.ts";
import type { ContainerOptions } from "./options.ts";
import type { World } from "../world/world.ts";
import {
  changesOf,
  examineLayers,
  type ImageRoot,
  keepChanges,
  layersOf,
  type UsedImages,
  withAllIds,
  withOwners,
} from "./images/image_root.ts";
import { absolutePath, type Requester } from "./requester.ts";
import { askedServers, type OwnHosts, ownNames } from "./etc_files.ts";
import { hostsMount, networkSteps } from "./networks/join_networks.ts";
import { notPublished } from "./networks/publish_ports.ts";
import { wayOutSteps } from "./networks/way_out.ts";
import { findLayers } from "./overlay_layers.ts";
import { EMPTY_ROOTFS, rootKindOf } from "./root_filesystem.ts";
import { type LearnTarget, learnTarget, seccompFilter } from "./seccomp.ts";
import { specFrom, type SpecInputs } from "./spec.ts";
import { startFifo } from "./start_fifo.ts";
import { isVolume, storeOfVolume } from "./volumes/volume_mounts.ts";
import { takenSettings, terminalStreams } from "./terminal.ts";
import {
  accountsIn,
  lookUpUser,
  namesAccounts,
  type ResolvedUser,
} from "./users.ts";

/** The container that is wanted. */
export interface RunRequest {
  options: ContainerOptions;
  /** The absolute path of the root filesystem, or `empty`. */
  rootfs: string;
  /** The image that is the root filesystem. */
  image?: ImageRoot;
  /** The name of its cgroup. */
  id: string;
  /**
   * Whether the container goes on when the command that creates it has ended.
   * It then has a cgroup even without limits, if that is possible.
   */
  background?: boolean;
  /** Where its record is, if it has one. */
  record?: Facts["record"];
  /** A new file for its ID. */
  idFile?: string;
}

/** Everything that is decided before anything is done, without the plan. */
export interface Decided {
  spec: Spec;
  facts: Facts;
  cgroup: CgroupPlan | null;
  /** Where a learned profile is written; null if none is learned. */
  learn: LearnTarget | null;
  /** What the container cannot have, one sentence each. */
  leftOut: string[];
}

/** The digits of an ID that names a container. */
const SHORT = 12;

/** Whether some mounts are volumes. */
const hasVolumes = ({ mounts = [] }: ContainerOptions): boolean =>
  mounts.some(isVolume);

/** The size of a terminal that nobody is attached to yet. */
const SIZE = { height: 24, width: 80 };

/**
 * Decides everything; changes nothing.
 *
 * @throws {UsageError} or {SpecError} for options that are invalid or cannot be
 * met
 */
export async function decideRun(
  request: RunRequest,
  requester: Requester,
): Promise<Decided> {
  const { image: from, background = false, record } = request;
  const { world, caller } = requester;
  const given = request.options;
  const all = from || given.images ? withAllIds(given, requester) : given;
  const mounted = given.images &&
    await (await import("./images/mounted_images.ts"))
      .settleImages(all, request, requester);
  const asked = mounted ? { ...all, mounts: mounted.mounts } : all;
  const volumes = hasVolumes(asked)
    ? (await import("./volumes/settle_volumes.ts")).settleVolumes(asked, {
      id: request.id,
      record,
      maps: caller.privileged && asksForUserNamespace(asked),
    }, world)
    : null;
  const options = volumes ? { ...asked, mounts: volumes.mounts } : asked;
  const rootfs = from ? changesOf(from, request.id) : request.rootfs;
  const rootKind = from ? "layers" : rootKindOf(rootfs, requester);
  const found = from && layersOf(from, request, world);
  const image = rootKind === "image"
    ? (await import("./image_file.ts"))
      .inspectImage(rootfs, options, requester)
    : null;
  const files = from && found && await examineLayers(from, found, world);
  const user = await userOf(request, { image, files }, requester);
  const { devices, resources } = await limitsOf(options, requester);
  const { networks } = options;
  const ownHosts: OwnHosts | undefined = networks && {
    mount: hostsMount(networks, request.id, options.readonly ?? false),
  };
  const { spec, mapHelper, init, leftOut } = specFrom({
    options,
    rootfs,
    files,
    ownHosts,
    user,
    devices,
    resources,
    ...(background ? { terminalSize: SIZE } : {}),
  }, requester);
  const unpublished = notPublished(options);
  if (unpublished) leftOut.push(unpublished);
  const layers = from && found &&
    withOwners(from, found, spec, request, requester);
  const cgroup = await cgroupOf(request, resources, spec, requester);
  const { landlock } = options;
  const learn = learnTarget(options.seccomp ?? "default", requester);
  const facts = readFacts(spec, {
    init,
    waits: background,
    outlives: background,
    joins: false,
    anyCpu: resources?.cpu?.cpus !== undefined,
    // An image may name a directory that it does not have, as with docker.
    makesDirectory: from !== undefined,
    nodesInRoot: false,
    chroot: options.chroot ?? false,
    rootKind,
    image,
    layers,
    mapHelper,
    inheritFiles: options.streams === "inherit",
    announces: init && (options.announce ?? false),
    terminalStreams: terminalStreams(options, world),
    ...takenSettings(spec.process, { sendsTerminal: false }, world),
    confineDevices: !options.privileged,
    overlay: overlayOf(options, requester),
    hostTree: rootKind === "host" && options.ephemeral &&
        hasNamespace(spec, "user")
      ? (await import("./host_tree.ts")).readHostTree(spec, leftOut, world)
      : null,
    seccomp: options.privileged && !options.seccomp
      ? null
      : await seccompFilter(
        options.seccomp ?? "default",
        spec,
        leftOut,
        requester,
      ),
    landlock: landlock &&
      (await import("./landlock.ts"))
        .landlockSteps(landlock, spec, leftOut, world),
    cgroup,
    record,
    madeFiles: ownHosts?.text === undefined ? [] : [ownHosts.mount.source!],
    mountedImages: mounted?.facts(spec),
    volumes: volumes?.volumes,
    hostSteps: [
      ...recordSteps(request),
      ...from && layers
        ? [
          keepChanges(from, layers, {
            ...request,
            volumes: volumes?.names,
            mounted: mounted?.used,
          }),
        ]
        : [],
      ...networks
        ? networkSteps(networks, {
          id: request.id,
          name: record?.container ?? request.id.slice(0, SHORT),
          names: ownNames(spec),
          hosts: ownHosts?.text ?? null,
          ports: options.ports,
          servers: askedServers(options, world),
        })
        : [],
      ...options.wayOut
        ? wayOutSteps(options.wayOut, {
          id: request.id,
          name: record?.container ?? request.id.slice(0, SHORT),
          ports: options.ports,
        })
        : [],
      ...(volumes || mounted) && !from
        ? await usesOf(request, volumes?.names ?? [], mounted?.used)
        : [],
      ...profileSteps(learn, world),
    ],
  }, requester);
  return {
    spec,
    facts,
    cgroup,
    learn,
    leftOut,
  };
}

/** The step for the space of the exit status, in the container's own directory. */
const reserveEnd = (directory: string): HostStep => ({
  step: "reserveEnd",
  path: `${directory}/exit`,
  why:
    "the space for the exit status is reserved, so that a full disk loses no status",
  man: "rename(2), write(2)",
  undo: [{ undo: "removeRecord" }],
});

/** Whether the options ask for a user namespace that the caller could do without. */
const asksForUserNamespace = (
  { userNamespace = "host", uidMap, gidMap }: ContainerOptions,
): boolean =>
  userNamespace !== "host" || Boolean(uidMap?.length || gidMap?.length);

/** Records the volumes and images that a container uses, in their store. */
async function usesOf(
  request: RunRequest,
  names: readonly string[],
  images?: UsedImages,
): Promise<HostStep[]> {
  const { keepUses } = await import("./images/keep_uses.ts");
  const volume = request.options.mounts?.find(isVolume);
  const store = images?.store ?? (volume && storeOfVolume(volume));
  return store ? [keepUses(store, { names, images }, request)] : [];
}

/** The steps that only a container with a record has. */
const recordSteps = (
  { id, record, idFile: path, background }: RunRequest,
): Facts["hostSteps"] => [
  ...(record ? [reserveEnd(record.directory)] : []),
  ...(record && background ? [startFifo(record.directory)] : []),
  ...(path === undefined ? [] : [
    {
      step: "writeIdFile",
      path,
      id,
      why: "a script finds the container by the ID, whatever its name is",
      man: "open(2)",
      undo: "kept",
      ifFailed: [{ undo: "removeFile", path }],
    } as const,
  ]),
];

/** The step for the file of a learned profile. */
function profileSteps(
  learn: LearnTarget | null,
  world: World,
): Facts["hostSteps"] {
  if (learn === null || learn === "stderr") return [];
  const path = learn.file;
  return [{
    step: "reserveProfile",
    path,
    why:
      "the profile is written when the command has ended; a file that cannot be written is an error now",
    man: "open(2)",
    undo: world.access(path, "exists")
      ? "kept"
      : [{ undo: "removeUnwritten", path }],
  }];
}

/** The user of the command, from the accounts of the root filesystem. */
async function userOf(
  { options, rootfs }: RunRequest,
  { image, files }: Pick<Facts, "image"> & Pick<SpecInputs, "files">,
  { world }: Requester,
): Promise<ResolvedUser> {
  const wanted = { user: options.user ?? "0", groupAdd: options.groups ?? [] };
  const accounts = image && namesAccounts(wanted)
    ? await world.accountsInImage(image)
    : null;
  return lookUpUser(
    wanted,
    () =>
      files
        ? {
          passwd: files["/etc/passwd"]?.text ?? null,
          group: files["/etc/group"]?.text ?? null,
        }
        : accounts ?? accountsIn(rootfs === EMPTY_ROOTFS ? "/" : rootfs, world),
  );
}

/** The devices that are requested, and the limits with their rules. */
const limitsOf = async (
  options: ContainerOptions,
  requester: Requester,
): Promise<{ devices: Device[]; resources?: Resources }> =>
  options.devices?.length
    ? (await import("./devices.ts")).findDevices(options, requester)
    : { devices: [], resources: options.resources };

async function cgroupOf(
  { id, options, background }: RunRequest,
  resources: Resources | undefined,
  spec: Spec,
  { caller, world }: Requester,
): Promise<CgroupPlan | null> {
  const { cgroupParent: parent, cgroups } = options;
  if (!background && !resources && !parent) return null;
  const { planLasting, planLimits, refuseLimits, requireHold } = await import(
    "./limits.ts"
  );
  const wanted = { id, resources, parent, rootless: !caller.privileged };
  if (cgroups === "disabled") refuseLimits(options);
  else if (!background) return planLimits(wanted, world);
  const cgroup = cgroups === "disabled" ? null : planLasting(wanted, world);
  if (background) requireHold(spec, cgroup);
  return cgroup;
}

/** Where changes to the root filesystem go. */
function overlayOf(
  { overlay, ephemeral }: ContainerOptions,
  requester: Requester,
): Facts["overlay"] {
  if (!overlay) return ephemeral ? { upper: null, work: null } : null;
  // Absolute, because the walker may have another working directory.
  return findLayers(absolutePath(requester, overlay), requester.world);
}
