/**
 * `run --detach`: creates a container in the background. Runs on the host, in
 * the process of the command.
 */

import { environment } from "../../ffi/environment.ts";
import { workingDirectory } from "../../ffi/paths.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { changesOf, type ImageRoot } from "../decide/images/image_root.ts";
import type { ContainerOptions } from "../decide/options.ts";
import type { Entry, Store } from "../store/store.ts";
import { sweepLeftovers } from "../run/leftovers.ts";
import { containerId } from "../run/run.ts";
import { begin, decideDetached } from "./begin.ts";
import { forget } from "./dead.ts";
import { checkName, generatedName, shortId, takeName } from "./names.ts";
import { type DailyRecord, FIRST_DELAY } from "../store/daily_record.ts";

/** The bytes of the random id of a container with a record. */
export const ID_SIZE = 32;

/** Options of `run` that do not describe the container. */
export type KeepOptions =
  & Pick<
    DailyRecord,
    | "labels"
    | "interactive"
    | "autoRemove"
    | "restart"
    | "stopSignal"
    | "stopTimeout"
    | "logMax"
    | "front"
  >
  & {
    name?: string;
    /** A new file for the ID. */
    idFile?: string;
  };

/**
 * Resolves paths and the environment now, because the container may be started
 * again from another directory.
 */
function settled(options: ContainerOptions): ContainerOptions {
  const { seccomp, overlay, hostEnv, env } = options;
  const isFile = seccomp !== undefined &&
    !/^(default|unconfined|learn(=.*)?)?$/s.test(seccomp);
  return {
    ...options,
    ...(overlay === undefined ? {} : { overlay: absolute(overlay) }),
    ...(isFile ? { seccomp: absolute(seccomp) } : {}),
    ...(hostEnv ? { env: { ...environment(), ...env } } : {}),
  };
}

const absolute = (path: string) =>
  path.startsWith("/") ? path : `${workingDirectory()}/${path}`;

/**
 * The options of a container with this id. Its hostname is its short id, as
 * with docker, unless the options choose one or share the host's.
 */
export const withHostname = (
  id: string,
  options: ContainerOptions,
): ContainerOptions =>
  options.hostname !== undefined ||
    (options.namespaces?.uts ?? "private") !== "private"
    ? options
    : { ...options, hostname: shortId(id) };

/** The id and the record of a new container. */
export function draft(
  { name, idFile: _, ...keep }: KeepOptions,
  options: ContainerOptions,
  rootfs: string | ImageRoot,
  detached: boolean,
): { id: string; daily: DailyRecord } {
  const id = containerId(ID_SIZE);
  if (name !== undefined) checkName(name);
  return {
    id,
    daily: {
      ...keep,
      name: name ?? generatedName(id),
      options: settled(withHostname(id, options)),
      ...(typeof rootfs === "string"
        ? { rootfs }
        : { rootfs: changesOf(rootfs, id), image: rootfs }),
      detached,
      keeper: null,
      started: null,
      restarts: 0,
      delay: FIRST_DELAY,
      stopping: false,
    },
  };
}

/**
 * Records a new container under its name. Nothing runs yet.
 *
 * @throws {ContainerError} if another container has the name; then nothing is
 * left
 */
export function addContainer(
  store: Store,
  { id, daily }: { id: string; daily: DailyRecord },
  spec: Spec,
): Entry {
  const entry = store.add({
    id,
    bundle: "",
    pid: 0,
    startTime: "",
    created: new Date().toISOString(),
    uid: Deno.uid() ?? 0,
    cgroup: null,
    spec,
    daily,
  });
  try {
    takeName(store, daily.name, id);
    return entry;
  } catch (error) {
    entry.remove();
    entry[Symbol.dispose]();
    throw error;
  }
}

/**
 * Creates and starts a container that outlives this command.
 *
 * @param how.say takes a line for each thing that the container cannot have
 * @param how.ready awaited before the command starts, when it is possible to
 * attach
 * @returns the id
 * @throws {ContainerError} if it cannot be started; then nothing of it is left
 */
export async function runDetached(
  store: Store,
  options: ContainerOptions,
  rootfs: string | ImageRoot,
  keep: KeepOptions,
  { say, ready }: {
    say: (line: string) => void;
    ready?: (id: string) => Promise<void>;
  },
): Promise<string> {
  if (options.preserveFds) {
    throw new UsageError(
      "A container in the background cannot inherit descriptors",
      "Remove --preserve-fd or --detach.",
    );
  }
  const drafted = draft(keep, options, rootfs, true);
  await sweepLeftovers();
  const decided = await decideDetached(store, drafted.id, {
    ...drafted.daily,
    idFile: keep.idFile,
  });
  using entry = addContainer(store, drafted, decided.spec);
  for (const line of decided.leftOut) say(`container: ${line}`);
  try {
    await begin(store, entry, decided, () => ready?.(drafted.id));
  } catch (error) {
    forget(store, entry);
    throw error;
  }
  return drafted.id;
}
