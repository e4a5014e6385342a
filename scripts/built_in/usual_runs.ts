/**
 * The plans of usual runs, as far as they are known at build time, and the
 * texts that the native entry prints. The same code makes them as at run time.
 *
 * @module
 */

import { EndedEarly, ENDING } from "../../launch/attend/early_end.ts";
import { packedText } from "../../launch/known_texts.ts";
import { PLAIN_KIND } from "../../launch/plain_kinds.ts";
import { plainRun } from "../../launch/plain_run.ts";
import { guardsOf } from "./guards.ts";
import { knownTexts } from "./known_texts.ts";
import { lost, stopped } from "../../launch/attend/stream_relay.ts";
import { ERRNO, type Errno, errnoText } from "../../ffi/errno.ts";
import type { ContainerError } from "../../spec/errors.ts";
import { COMPILED_FOR } from "../../seccomp/default_code.ts";
import { decideRun } from "../../containers/decide/run.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { logged, type Read, ReadLog } from "../../containers/world/log.ts";
import { madeUpWorld } from "../../containers/world/made_up.ts";
import { DEFAULT_CAPABILITIES } from "../../plan/process/capabilities.ts";
import { parseLayout } from "../../plan/mounts/cgroup_mounts.ts";
import { compile } from "../../plan/compile.ts";
import { bindOptions } from "../../cli/mount_words.ts";
import { MEMORY_FILE } from "../../plan/mounts/memory_files.ts";
import { DEFAULT_PATH } from "../../spec/defaults.ts";
import type { Mount } from "../../spec/types.ts";

/** Whatever they are called: the paths are filled in when a plan is used. */
const PLACES = {
  root: "/container-plain-root",
  workdir: "/container-plain-workdir",
  volumeSource: "/container-plain-source",
  volumeTarget: "/container-plain-target",
} as const;
const { root: ROOT, workdir, volumeSource, volumeTarget } = PLACES;

/**
 * What a root filesystem contains, as far as deciding looks: files that are
 * covered only if they exist, and directories that are used or mounted on.
 */
const INSIDE = {
  [`${ROOT}/etc/hostname`]: "",
  [`${ROOT}/etc/hosts`]: "",
  [`${ROOT}/dev`]: { type: "directory" },
  [`${ROOT}${workdir}`]: { type: "directory" },
  [`${ROOT}${volumeTarget}`]: { type: "directory" },
} as const;

/** Where containers/run/leftovers.ts keeps root's records. */
const RECORDS = "/run/container/undo";

/** The kind of plain run. */
interface Kind {
  /** The content of /proc/self/cgroup. */
  cgroups: string;
  init: boolean;
  /** Bits of {@linkcode PLAIN_KIND}. */
  kind?: number;
  /** What all standard streams are; each is looked at when the plan is used. */
  streams?: "null" | "pipe" | "file";
}

/**
 * What a plain run decides, for root in the initial user namespace, with what
 * it has read, and what its steps expect of the root filesystem.
 */
export async function decidePlain(
  { cgroups, init, kind = 0, streams = "null" }: Kind,
) {
  const has = (flag: keyof typeof PLAIN_KIND) =>
    (kind & PLAIN_KIND[flag]) !== 0;
  const volume: Mount = {
    destination: volumeTarget,
    type: "bind",
    source: volumeSource,
    options: bindOptions("--volume", has("readOnlyVolume") ? ["ro"] : []),
  };
  const log = new ReadLog();
  const world = madeUpWorld({
    files: {
      ...INSIDE,
      [volumeSource]: { type: "directory" },
      "/proc/self/cgroup": cgroups,
    },
    bounding: DEFAULT_CAPABILITIES,
    streams: [streams, streams, streams],
    kernelRelease: COMPILED_FOR.kernel.join("."),
    architecture: Deno.build.arch,
  });
  const { spec, facts, leftOut } = await decideRun({
    options: {
      command: ["true"],
      init,
      announce: init,
      ...(has("readOnly") ? { readonly: true } : {}),
      ...(has("directory") ? { workdir } : {}),
      ...(has("volume") ? { mounts: [volume] } : {}),
    },
    rootfs: ROOT,
    id: "plain",
  }, requesterIn(logged(world, log)));
  // They would be printed.
  if (leftOut.length) throw new RangeError(leftOut.join(", "));
  return {
    spec,
    facts,
    plan: compile(spec, facts),
    guarded: {
      reads: [...log.reads, ...mountpoints(spec.mounts ?? [])],
      places: PLACES,
      records: RECORDS,
    },
  };
}

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
    [...await plainRuns(carried), END, ...texts, END].flatMap((
      bytes,
    ) => [...bytes]),
  );
}

/** Ends a list. */
const END = new Uint8Array(8);

/**
 * Plain runs for this machine's cgroups, and for cgroup v2, which most machines
 * have.
 */
function plainRuns(
  carried: string | null,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const own = cgroupsHere();
  const all = [UNIFIED];
  if (parseLayout(own)?.version === 1) all.push(own);
  return Promise.all(
    all.flatMap((cgroups) =>
      [true, false].map((init) => plainRunOn({ cgroups, init }, carried))
    ),
  );
}

/** All kinds that differ in more than words. */
export const KINDS: readonly number[] = Array.from(
  { length: 16 },
  (_, kind) => kind,
)
  .filter((kind) =>
    (kind & PLAIN_KIND.volume) || !(kind & PLAIN_KIND.readOnlyVolume)
  );

/** /proc/self/cgroup of a machine with cgroup v2 alone. */
export const UNIFIED = "0::/\n";

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

async function plainRunOn(
  { cgroups, init }: Pick<Kind, "cgroups" | "init">,
  carried: string | null,
): Promise<Uint8Array<ArrayBuffer>> {
  const decided = await Promise.all(KINDS.map(async (kind) => ({
    kind,
    ...await decidePlain({ cgroups, init, kind }),
  })));
  const [{ spec, facts }] = decided as [typeof decided[0]];
  if (!facts.cgroups) throw new RangeError("A plain run mounts cgroups");
  return plainRun({
    direct: !init,
    kinds: decided.map(({ kind, plan, guarded }) => ({
      kind,
      plan,
      guards: guardsOf(guarded),
    })),
    places: PLACES,
    variables: spec.process.env ?? [],
    cgroups: facts.cgroups,
    carried,
    path: DEFAULT_PATH.split(":"),
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

/**
 * The mountpoints in the root filesystem itself, not below another mount: they
 * are there, so none has to be made.
 */
const mountpoints = (mounts: readonly Mount[]): Read[] =>
  mounts.filter(({ destination }) =>
    !mounts.some((above) => destination.startsWith(`${above.destination}/`))
  ).map(({ destination, type }) => ({
    kind: "in.stat",
    of: [ROOT, destination],
    answer: { type: type === MEMORY_FILE ? "file" : "directory" },
  }));
