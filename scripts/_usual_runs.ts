/**
 * The plans of usual runs, as far as they are known at build time, and the
 * texts that the native entry prints. The same code makes them as at run time.
 *
 * @module
 */

import { EndedEarly, ENDING } from "../launch/attend/early_end.ts";
import { packedText } from "../launch/known_texts.ts";
import { plainRun } from "../launch/plain_run.ts";
import { knownTexts } from "./_known_texts.ts";
import { lost, stopped } from "../launch/attend/stream_relay.ts";
import { ERRNO, type Errno, errnoText } from "../ffi/errno.ts";
import type { ContainerError } from "../spec/errors.ts";
import { DEFAULT_FILTER } from "../seccomp/default_code.ts";
import { readFacts } from "../containers/decide/facts.ts";
import { requesterIn } from "../containers/decide/requester.ts";
import type { ContainerOptions } from "../containers/decide/options.ts";
import { specFrom } from "../containers/decide/spec.ts";
import { madeUpWorld } from "../containers/world/made_up.ts";
import {
  CAPABILITIES,
  DEFAULT_CAPABILITIES,
} from "../plan/process/capabilities.ts";
import { parseLayout } from "../plan/mounts/cgroup_mounts.ts";
import { compile } from "../plan/compile.ts";
import type { CgroupLayout, Facts } from "../plan/facts.ts";
import { MEMORY_FILE } from "../plan/mounts/memory_files.ts";
import { DEFAULT_PATH } from "../spec/defaults.ts";
import type { Mount } from "../spec/types.ts";

const ROOT_USER = { uid: 0, gid: 0, groups: [], home: "/root" };

/** The files of a root filesystem that are covered only if they exist. */
const COVERED = ["/etc/hostname", "/etc/hosts"];

/** Root in the initial user namespace, with a root filesystem at a path. */
const callerAt = (root: string) =>
  requesterIn(madeUpWorld({
    files: Object.fromEntries(COVERED.map((path) => [`${root}${path}`, ""])),
    bounding: DEFAULT_CAPABILITIES,
    streams: ["null", "null", "null"],
  }));

/**
 * The data that launch/native/entry.c finds behind its code, in the format of
 * launch/native/guards.h and launch/native/known_texts.h.
 *
 * @param carried the digest of the root filesystem that the program carries
 */
export async function usualRuns(
  carried: string | null = null,
): Promise<Uint8Array<ArrayBuffer>> {
  const texts = (await knownTexts()).map(packedText);
  return Uint8Array.from(
    [...plainRuns(carried), END, ...texts, END].flatMap((bytes) => [...bytes]),
  );
}

/** Ends a list. */
const END = new Uint8Array(8);

/**
 * Plain runs for this machine's cgroups, and for cgroup v2, which most machines
 * have.
 */
function plainRuns(carried: string | null): Uint8Array<ArrayBuffer>[] {
  const own = parseLayout(cgroupsHere());
  const all: CgroupLayout[] = [{ version: 2 }];
  if (own?.version === 1) all.push(own);
  return all.flatMap((cgroups) =>
    [true, false].map((init) => plainRunOn(cgroups, { init, carried }))
  );
}

/**
 * The content of /proc/self/cgroup, which a kernel without cgroups does not
 * have.
 */
function cgroupsHere(): string {
  try {
    return Deno.readTextFileSync("/proc/self/cgroup");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function plainRunOn(
  cgroups: CgroupLayout,
  { init, carried }: { init: boolean; carried: string | null },
): Uint8Array<ArrayBuffer> {
  // Whatever it is called: the path is filled in when the plan is used.
  const root = "/container-plain-root";
  const { plan, spec } = usualPlan({ tty: false }, root, {
    init,
    announces: init,
    cgroups,
    changeRoot: "pivot_root",
    nullStreams: [0, 1, 2],
    foreground: false,
  });
  const known: readonly string[] = CAPABILITIES;
  return plainRun({
    plan,
    root,
    cgroups,
    carried,
    bounding: DEFAULT_CAPABILITIES.reduce(
      (bits, name) => bits | 1n << BigInt(known.indexOf(name)),
      0n,
    ),
    path: DEFAULT_PATH.split(":"),
    places: placesOf(spec.mounts ?? []),
    endings: ENDING.map((name) => said(new EndedEarly(name))),
    stops: [[1], [2], [1, 2]].flatMap((descriptors) =>
      ENDING.map((name) => said(stopped(descriptors, name)))
    ),
    losses: lossTexts(),
  });
}

const said = ({ message, hint }: ContainerError) =>
  `container: ${message}. ${hint}\n`;

/**
 * The texts in the order of {@linkcode PlainRun.losses}. Errnos without a name
 * use the last number.
 */
function lossTexts(): string[] {
  const some = "EIO";
  const texts = [[0], [1], [2], [1, 2]].flatMap((descriptors) =>
    said(lost(descriptors, some, 0)).split(errnoText(some))
  );
  const errors = Object.entries(ERRNO).map(([name, number]) =>
    `${String.fromCharCode(number)}${errnoText(name as Errno)}`
  );
  const unknown = String.fromCharCode(127);
  return [...texts, ...errors, `${unknown}an error that has no name here`];
}

/** The mountpoints in the root filesystem itself, not below another mount. */
const placesOf = (mounts: readonly Mount[]) =>
  mounts.filter(({ destination }) =>
    !mounts.some((above) => destination.startsWith(`${above.destination}/`))
  ).map(({ destination, type }) =>
    `${type === MEMORY_FILE ? "f" : "d"}${destination}`
  );

function usualPlan(
  options: Pick<ContainerOptions, "tty">,
  root: string,
  known: Partial<Facts> & Pick<Facts, "init">,
) {
  const requester = callerAt(root);
  const { spec } = specFrom({
    options: { command: ["true"], init: known.init, ...options },
    rootfs: root,
    user: ROOT_USER,
  }, requester);
  const facts = readFacts(spec, {
    ...{ init: known.init, waits: false, outlives: false, joins: false },
    ...{ anyCpu: false, makesDirectory: false, nodesInRoot: false },
    ...{ chroot: false, mapHelper: false, terminalStreams: [] },
    ...{ confineDevices: true, overlay: null, inheritFiles: true },
    ...{ rootKind: "directory", image: null, cgroup: null },
    seccomp: {
      profile: "default",
      filter: DEFAULT_FILTER[Deno.build.arch],
      flags: 0,
    },
  }, requester);
  return { spec, plan: compile(spec, { ...facts, ...known }) };
}
