/**
 * From the options of a sandbox to those of its container: the root filesystem,
 * the user of its commands, the places that they can write to, and the limits.
 * Reads the machine and changes nothing. Runs on the host, in the program's
 * process.
 */

import type { Resources } from "../spec/resources.ts";
import { ContainerError, OptionError } from "../spec/errors.ts";
import type { IdMapping, Mount, Rlimit } from "../spec/types.ts";
import { CgroupDenied } from "../cgroup/place.ts";
import { planLimits } from "../containers/decide/limits.ts";
import { readCaller } from "../containers/decide/caller.ts";
import { storeOf } from "../images/store/places.ts";
import type { LibraryOptions } from "../containers/run/library_options.ts";
import { closestString } from "../containers/run/closest.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { parseMemory, parseTimeout } from "./amounts.ts";
import type { SandboxOptions } from "./options.ts";
import { hiddenPlaces } from "./hidden_places.ts";

/** The home directory and first working directory of every command. */
export const HOME = "/home/sandbox";

/** As Debian's login shells have it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The user of the commands, if it is not the only one. */
const USER = 1000;

/**
 * The IDs of the host that a sandbox on this machine's tree has if root makes
 * it. Nothing belongs to them: they are above those of users, of subuid(5) and
 * of systemd. So root of the sandbox owns no file of the machine.
 */
const OWN_IDS: IdMapping[] = [{
  containerID: 0,
  hostID: 0x7000_0000,
  size: 0x1_0000,
}];

/** Every option, and those of `@deno/sandbox` that have no meaning here. */
const KNOWN: { readonly [K in keyof SandboxOptions]-?: true } = {
  image: true,
  rootfs: true,
  pull: true,
  platform: true,
  store: true,
  onProgress: true,
  cpus: true,
  pids: true,
  disk: true,
  mounts: true,
  hostname: true,
  seccomp: true,
  landlock: true,
  uidMap: true,
  gidMap: true,
  bestEffort: true,
  fsTimeout: true,
  env: true,
  timeout: true,
  memory: true,
  labels: true,
  volumes: true,
  allowNet: true,
  port: true,
  signal: true,
  region: true,
  org: true,
  token: true,
  debug: true,
};

/** What the options of a sandbox mean. */
export interface Settled {
  container: LibraryOptions;
  /** In milliseconds; null for the whole session. */
  timeout: number | null;
  labels: Readonly<Record<string, string>>;
}

/**
 * Reads the options.
 *
 * @throws {OptionError} for the first one that is wrong
 */
export function settle(given: SandboxOptions): Settled {
  checkNames(given);
  const { image, rootfs, disk } = given;
  const { privileged, capable } = readCaller(THIS_MACHINE);
  const onHost = image === undefined && rootfs === undefined;
  // A user who may not map other IDs has only one inside, which is root's.
  const ids = given.uidMap ?? (onHost && privileged ? OWN_IDS : undefined);
  const single = !privileged && !capable && !ids && image === undefined;
  const user = single ? 0 : USER;
  const size = disk === undefined ? null : parseMemory("disk", disk);
  const places = onHost ? hiddenPlaces(THIS_MACHINE) : [];
  const limits = limitsOf(given, !privileged);
  return {
    timeout: parseTimeout(given.timeout),
    labels: labelsOf(given.labels ?? {}),
    container: {
      ...pick(given, [
        "image",
        "pull",
        "platform",
        "store",
        "onProgress",
        "seccomp",
        "landlock",
        "signal",
      ]),
      ...image === undefined ? { rootfs: rootfs ?? "/" } : {},
      ...rootfs === undefined ? {} : { ephemeral: true },
      ...ids ? { uidMap: ids, gidMap: given.gidMap ?? ids } : {},
      ...limits,
      user: `${user}:${user}`,
      hostname: given.hostname ?? "sandbox",
      env: {
        HOME,
        // An image has its own.
        ...image === undefined ? { PATH } : {},
        ...given.env,
      },
      mounts: [
        ...places.map((path) => inMemory(path, { mode: "755", size })),
        ...onHost ? [inMemory("/tmp", { mode: "1777", size })] : [],
        inMemory(HOME, { mode: "755", owner: user, size }),
        ...volumeMounts(given),
        ...given.mounts ?? [],
      ],
    },
  };
}

function checkNames(given: SandboxOptions): void {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(KNOWN, name)) continue;
    const near = closestString(name, Object.keys(KNOWN));
    throw new OptionError(
      name,
      "there is no such option",
      near ? `Did you mean ${near}?` : "docs/sandbox.md lists the options.",
    );
  }
  const { image, rootfs, allowNet } = given;
  if (image !== undefined && rootfs !== undefined) {
    throw new OptionError(
      "rootfs",
      "cannot be used together with image",
      "Remove one of the two options.",
    );
  }
  if (allowNet?.length) {
    throw new OptionError(
      "allowNet",
      "a sandbox cannot reach a network yet",
      "Remove it, or use [].",
    );
  }
}

function pick<K extends keyof SandboxOptions>(
  given: SandboxOptions,
  names: readonly K[],
): Pick<SandboxOptions, K> {
  return Object.fromEntries(
    names.flatMap((name) =>
      given[name] === undefined ? [] : [[name, given[name]]]
    ),
  ) as Pick<SandboxOptions, K>;
}

function inMemory(
  destination: string,
  { mode, owner = 0, size }: {
    mode: string;
    owner?: number;
    size: number | null;
  },
): Mount {
  return {
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: [
      "nosuid",
      "nodev",
      `mode=${mode}`,
      ...owner ? [`uid=${owner}`, `gid=${owner}`] : [],
      ...size === null ? [] : [`size=${size}`],
    ],
  };
}

function volumeMounts({ volumes = {}, store }: SandboxOptions): Mount[] {
  return Object.entries(volumes).map(([destination, source]) =>
    source.startsWith("/")
      ? { destination, type: "bind", source, options: ["rbind", "nosuid"] }
      : {
        destination,
        type: "volume",
        source: `${storeOf(store)}/volumes/${source}`,
        options: [],
      }
  );
}

const MOST_LABELS = 5;
const LABEL_SIZES = { key: 64, value: 128 } as const;

function labelsOf(labels: Record<string, string>): Record<string, string> {
  const entries = Object.entries(labels);
  const fits = (text: string, most: number) =>
    typeof text === "string" && new TextEncoder().encode(text).length <= most;
  if (entries.length > MOST_LABELS) {
    throw new OptionError("labels", `more than ${MOST_LABELS}`);
  }
  for (const [key, value] of entries) {
    if (key && fits(key, LABEL_SIZES.key) && fits(value, LABEL_SIZES.value)) {
      continue;
    }
    throw new OptionError(
      `labels.${key}`,
      "too long or no text",
      `A key has 1 to ${LABEL_SIZES.key} bytes, a value at most ${LABEL_SIZES.value}.`,
    );
  }
  return { ...labels };
}

const PERIOD = 100_000;

function resourcesOf({ memory, cpus, pids }: SandboxOptions): Resources {
  const bytes = memory === undefined ? null : parseMemory("memory", memory);
  if (cpus !== undefined && !(cpus >= 0.01 && cpus <= 100_000)) {
    throw new OptionError("cpus", "expected a number of CPUs from 0.01");
  }
  if (pids !== undefined && !(Number.isSafeInteger(pids) && pids > 0)) {
    throw new OptionError("pids", "expected a positive whole number");
  }
  return {
    ...bytes === null ? {} : { memory: { limit: bytes, swap: bytes } },
    ...cpus === undefined ? {} : {
      cpu: { quota: Math.round(cpus * PERIOD), period: PERIOD },
    },
    // The first process, which is ours, is one of them.
    ...pids === undefined ? {} : { pids: { limit: pids + 1 } },
  };
}

/**
 * The limits of the cgroup. If this user may not use one, they are refused, or
 * replaced by limits of each process.
 */
function limitsOf(
  given: SandboxOptions,
  rootless: boolean,
): Pick<LibraryOptions, "resources" | "rlimits"> {
  const resources = resourcesOf(given);
  const names = (["memory", "cpus", "pids"] as const)
    .filter((name) => given[name] !== undefined);
  if (!names.length) return {};
  try {
    planLimits({ id: "0", resources, rootless }, THIS_MACHINE);
    return { resources };
  } catch (error) {
    if (!(error instanceof CgroupDenied)) throw error;
    if (given.bestEffort) return { rlimits: rlimitsOf(resources) };
    throw new ContainerError(
      `Cannot limit ${names.join(" and ")}: ${
        error.message.replace(/^Cannot [^:]*: /, "")
      }`,
      {
        hint: `${
          error.hint ?? "Delegate a cgroup to this user."
        } Or use bestEffort: true, which limits each process by itself.`,
        cause: error,
      },
    );
  }
}

function rlimitsOf({ memory, pids }: Resources): Rlimit[] {
  const limit = (type: string, value: unknown): Rlimit[] =>
    typeof value === "number" ? [{ type, soft: value, hard: value }] : [];
  return [
    ...limit("RLIMIT_DATA", memory?.limit),
    ...limit("RLIMIT_NPROC", pids?.limit),
  ];
}
