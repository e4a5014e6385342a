/**
 * Plans a cgroup from resources and this machine's hierarchy: directories to
 * make, files to write, files to join by. Changes nothing.
 *
 * @module
 */

import type { StepOf } from "../plan/step.ts";
import { ContainerError, SpecError } from "../spec/errors.ts";
import {
  checkResources,
  type Resources,
  withoutZeros,
} from "../spec/resources.ts";
import { deviceWrites } from "./devices.ts";
import { enableControllers, enableStep } from "./enable.ts";
import {
  type Concern,
  CONCERNS,
  type Current,
  type FileWrite,
  fileWrites,
  unifiedWrites,
} from "./files.ts";
import {
  type CgroupMount,
  type Hierarchy,
  mountOf,
  type ReadLevel,
  readLevel,
} from "./hierarchy.ts";
import {
  CgroupDenied,
  cgroupDenied,
  checkMove,
  directoriesAbove,
  groupPath,
  makeDirectory,
  missingDirectories,
  takeCgroup,
} from "./place.ts";
import { entryInto, joinFile } from "./join_file.ts";
import {
  type CgroupGroup,
  type CgroupPlan,
  type CgroupStep,
  MAN,
  type Need,
} from "./step.ts";

/** The requirements of a cgroup. */
export interface CgroupOptions {
  /** The id of the container. */
  id: string;
  /** `linux.cgroupsPath`; `container-<id>` by default. */
  cgroupsPath?: string;
  /** The cgroup above: its limits apply in every tree in which it exists. */
  parent?: string;
  resources?: Resources;
  /** Join the trees that stats are read from, where possible. */
  stats?: boolean;
  /** Enable every v2 controller that is available: limits may follow later. */
  all?: boolean;
  /** The controllers that count as available for `all`. */
  available?: readonly string[];
  /** Join a tree that can freeze, where possible. */
  freeze?: boolean;
  /** The id is random, so nothing else has a cgroup of this name. */
  unique?: boolean;
  /**
   * In a user namespace, file permissions protect devices: the kernel lets only
   * real root restrict them, and nobody else can make device nodes.
   */
  rootless?: boolean;
}

/** The controllers that stats come from, by their names on v1 and v2. */
const STATS = [
  { v1: "memory", v2: "memory" },
  { v1: "cpuacct", v2: "cpu" },
  { v1: "cpu", v2: "cpu" },
  { v1: "pids", v2: "pids" },
  { v1: "blkio", v2: "io" },
] as const;

const DEVICES_WHY =
  "only these devices can be opened, whatever device nodes exist";

type Wanted = Map<CgroupMount, Need>;

/**
 * Plans the cgroup of a container.
 *
 * @throws CgroupDenied if this machine lacks a cgroup that is required, or we may
 * not make it
 */
export function planCgroup(
  asked: CgroupOptions,
  hierarchy: Hierarchy,
  read: ReadLevel = readLevel,
): CgroupPlan {
  const { id, resources = {} } = asked;
  checkResources(resources);
  const options = { ...asked, resources: withoutZeros(resources) };
  const plan: CgroupPlan = {
    id,
    groups: [],
    steps: [],
    entry: null,
  };
  const mounts: CgroupMount[] = [];
  for (const [mount, need] of wantedTrees(options, hierarchy, read)) {
    const path = groupPath(mount, options, read);
    const made = missingDirectories(mount, path, read);
    if (made === null) {
      // A cgroup that was not explicitly requested is left out if it cannot be
      // made.
      if (need.required.size || options.cgroupsPath !== undefined) {
        throw cgroupDenied(mount, path, need);
      }
      continue;
    }
    checkMove(mount, path, need, read);
    const { controllers, handDown } = mount.version === 1
      ? {
        controllers: mount.controllers,
        handDown: new Map<string, string[]>(),
      }
      : enableControllers(mount, path, need, read);
    for (const directory of [...directoriesAbove(mount.path, path), path]) {
      if (made.includes(directory)) {
        plan.steps.push(...makeDirectory(mount, directory, path, need));
      }
      const handed = handDown.get(directory);
      if (handed) plan.steps.push(enableStep(directory, handed));
    }
    if (!made.includes(path)) plan.steps.push(takeCgroup(mount, path));
    plan.steps.push(...settings(mount, path, options, hierarchy));
    plan.groups.push({ version: mount.version, controllers, path });
    mounts.push(mount);
  }
  plan.steps = plan.steps.map((step) => ({
    ...step,
    ...removedBy(step, plan.groups, options.unique),
  }));
  plan.entry = entryOf(plan.groups, mounts, read);
  return plan;
}

/** Adds what the removal of a cgroup needs to know about the others. */
export function removedBy(
  { undo }: CgroupStep,
  groups: readonly CgroupGroup[],
  unique = false,
): Pick<CgroupStep, "undo"> {
  const freezer = groups.find(({ version, controllers }) =>
    version === 1 && controllers.includes("freezer")
  )?.path;
  if (typeof undo === "string") return { undo };
  return {
    undo: undo.map((operation) =>
      operation.undo !== "removeCgroup" ? operation : {
        ...operation,
        ...(operation.version === 1 && freezer !== undefined
          ? { freezer }
          : {}),
        ...(unique && !operation.found ? { unique: true } : {}),
      }
    ),
  };
}

/** How a process joins, and how it returns to the cgroups of this process. */
function entryOf(
  groups: readonly CgroupGroup[],
  mounts: readonly CgroupMount[],
  read: ReadLevel,
): CgroupPlan["entry"] {
  if (!groups.length) return null;
  const ownPlaces = mounts.map(({ version, own }) => ({ version, path: own }));
  return {
    ...entryInto(groups),
    // A cgroup of another cgroup namespace is not visible, so there is no way
    // back to it.
    back: ownPlaces.every(({ path }) => read(path))
      ? ownPlaces.map(joinFile)
      : [],
  };
}

const unifiedMount = ({ mounts }: Hierarchy) =>
  mounts.find(({ version }) => version === 2);

const devicesMount = (hierarchy: Hierarchy) =>
  mountOf(hierarchy, { v1: "devices", v2: null });

const deviceRules = ({ resources, rootless }: CgroupOptions) =>
  rootless ? [] : resources?.devices ?? [];

/** The trees in which the container needs a cgroup, and why. */
function wantedTrees(
  options: CgroupOptions,
  hierarchy: Hierarchy,
  read: ReadLevel,
): Wanted {
  const { resources = {} } = options;
  const wanted: Wanted = new Map();
  const need = (mount: CgroupMount): Need => {
    const found = wanted.get(mount) ??
      { required: new Map(), optional: new Set() };
    wanted.set(mount, found);
    return found;
  };
  const unified = unifiedMount(hierarchy);
  for (const concern of CONCERNS) {
    if (!concern.asked(resources)) continue;
    const mount = mountOf(hierarchy, concern);
    if (!mount) throw missing(concern, hierarchy);
    need(mount).required.set(
      (mount.version === 1 ? concern.v1 : concern.v2)!,
      concern.what,
    );
  }
  for (const { controller, file } of unifiedWrites(resources)) {
    const core = controller === "cgroup";
    if (!unified || (!core && !unified.controllers.includes(controller))) {
      throw new SpecError(
        `linux.resources.unified cannot set ${file}: cgroup v2 has no ${controller} controller on this machine`,
      );
    }
    const tree = need(unified);
    if (!core) tree.required.set(controller, `set ${file}`);
  }
  if (deviceRules(options).length) {
    const v1 = devicesMount(hierarchy);
    if (v1) need(v1).required.set("devices", "restrict devices");
    else if (unified) need(unified);
    else {throw missing(
        { v1: "devices", v2: null, what: "restrict devices" },
        hierarchy,
      );}
  }
  for (const names of options.stats ? STATS : []) {
    const mount = mountOf(hierarchy, names);
    if (mount) {
      need(mount).optional.add(mount.version === 1 ? names.v1 : names.v2);
    }
  }
  const { available = unified?.controllers ?? [] } = options;
  for (const name of options.all && unified ? available : []) {
    need(unified!).optional.add(name);
  }
  for (const mount of options.parent === undefined ? [] : hierarchy.mounts) {
    const place = { id: options.id, cgroupsPath: options.parent };
    if (read(groupPath(mount, place, read))) need(mount);
  }
  // Every v2 cgroup can freeze and kill, also in the hybrid layout.
  const freezer = unified ?? mountOf(hierarchy, { v1: "freezer", v2: null });
  if (options.freeze && freezer) need(freezer);
  if (!wanted.size) {
    const any = freezer ?? hierarchy.mounts[0];
    if (!any) {
      throw missing({ v1: null, v2: null, what: "create a cgroup" }, hierarchy);
    }
    need(any);
  }
  return wanted;
}

/** The steps that write to the new cgroup of one tree. */
function settings(
  mount: CgroupMount,
  path: string,
  options: CgroupOptions,
  hierarchy: Hierarchy,
): CgroupStep[] {
  const { resources = {} } = options;
  const { version } = mount;
  const writes: FileWrite[] = [];
  const steps: CgroupStep[] = [];
  for (const concern of CONCERNS) {
    if (concern.asked(resources) && mountOf(hierarchy, concern) === mount) {
      writes.push(...fileWrites(concern, resources, version));
    }
  }
  if (version === 2) writes.push(...unifiedWrites(resources));
  const rules = deviceRules(options);
  const v1Devices = devicesMount(hierarchy);
  if (rules.length && mount === v1Devices) {
    for (const write of deviceWrites(rules)) {
      writes.push({ controller: "devices", why: DEVICES_WHY, ...write });
    }
  } else if (rules.length && !v1Devices && version === 2) {
    steps.push({
      step: "attachDevices",
      path,
      rules,
      why: DEVICES_WHY,
      man: "bpf(2)",
      undo: "kernel",
    });
  }
  return [...writes.map((write) => writeStep(path, write, version)), ...steps];
}

/**
 * Plans the writes that change an existing cgroup.
 *
 * @throws ContainerError if the container is not in a tree with that controller
 */
export function planUpdate(
  groups: readonly CgroupGroup[],
  resources: Resources,
  current: Current,
): StepOf<"writeHostFile">[] {
  checkResources(resources);
  if (resources.devices?.length) {
    throw new SpecError(
      "The devices of a running container cannot be changed",
      {
        hint: "Start the container again with other devices",
      },
    );
  }
  const steps: StepOf<"writeHostFile">[] = [];
  for (const concern of CONCERNS) {
    if (!concern.asked(resources)) continue;
    const group = groups.find(({ version, controllers }) =>
      controllers.includes((version === 1 ? concern.v1 : concern.v2) ?? "")
    );
    if (!group) {
      throw new ContainerError(
        `Cannot ${concern.what}: the container was started without this controller`,
        {
          hint:
            "Start the container again with such a limit. A limit of any size can be changed later",
        },
      );
    }
    for (
      const write of fileWrites(concern, resources, group.version, current)
    ) {
      steps.push(writeStep(group.path, write, group.version));
    }
  }
  const unified = groups.find(({ version }) => version === 2);
  for (const write of unifiedWrites(resources)) {
    if (!unified) {
      throw new SpecError(
        `linux.resources.unified cannot set ${write.file}: the container is on cgroup v1`,
      );
    }
    steps.push(writeStep(unified.path, write, 2));
  }
  return steps;
}

function writeStep(
  path: string,
  { file, value, why, optional, instead }: FileWrite,
  version: 1 | 2,
): StepOf<"writeHostFile"> {
  return {
    step: "writeHostFile",
    path: `${path}/${file}`,
    value,
    why,
    man: MAN[version],
    undo: "kernel",
    ...(optional ? { optional } : {}),
    ...(instead
      ? { instead: { path: `${path}/${instead.file}`, value: instead.value } }
      : {}),
  };
}

function missing(
  { v1, v2, what }: Pick<Concern, "v1" | "v2" | "what">,
  { layout }: Hierarchy,
): CgroupDenied {
  if (layout === "none") {
    return new CgroupDenied(`Cannot ${what}: no cgroups are mounted`, {
      hint: "Mount them: mount -t cgroup2 none /sys/fs/cgroup",
    });
  }
  const name = layout === "v2" ? v2 ?? v1 : v1 ?? v2;
  return new CgroupDenied(
    `Cannot ${what}: this machine has no ${name} controller (${layout})`,
    {
      hint: layout === "v2" && v2 === null
        ? "cgroup v2 does not have this controller. Remove the limit"
        : "/proc/cgroups lists the kernel's controllers. On v1 the hierarchy of the controller must be mounted",
    },
  );
}
