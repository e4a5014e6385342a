/** `run --detach`: a new container in the background. Runs on the host. */

import { UsageError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import type { ContainerOptions } from "../decide/options.ts";
import type { Entry, Store } from "../store/store.ts";
import { containerId } from "../run/run.ts";
import { begin, decideDetached } from "./begin.ts";
import { forget } from "./dead.ts";
import { checkName, generatedName, takeName } from "./names.ts";
import { type DailyRecord, FIRST_DELAY } from "../store/daily_record.ts";

const ID_SIZE = 32;

/** What `run` is asked for beside the container. */
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
  & { name?: string };

/** Paths and variables as they are now: it may be started again from elsewhere. */
function settled(options: ContainerOptions): ContainerOptions {
  const { seccomp, overlay, hostEnv, env } = options;
  const isFile = seccomp !== undefined &&
    !/^(default|unconfined|learn(=.*)?)?$/s.test(seccomp);
  return {
    ...options,
    ...(overlay === undefined ? {} : { overlay: absolute(overlay) }),
    ...(isFile ? { seccomp: absolute(seccomp) } : {}),
    ...(hostEnv ? { env: { ...Deno.env.toObject(), ...env } } : {}),
  };
}

const absolute = (path: string) =>
  path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;

/** A container that is to be: what is written of it, but for what it is made of. */
export function draft(
  { name, ...keep }: KeepOptions,
  options: ContainerOptions,
  rootfs: string,
  detached: boolean,
): { id: string; daily: DailyRecord } {
  const id = containerId(ID_SIZE);
  if (name !== undefined) checkName(name);
  return {
    id,
    daily: {
      ...keep,
      name: name ?? generatedName(id),
      options: settled(options),
      rootfs,
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
 * Records a new container under its name; nothing runs yet.
 *
 * @throws ContainerError where another one has the name; then nothing is left
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
 * Makes and starts a container that lives on when this command has ended.
 *
 * @param how.say told of what has to be left out, a line each
 * @param how.ready waited for before its command starts: it can be attached to
 * @returns its id; on failure nothing of it is left
 */
export async function runDetached(
  store: Store,
  options: ContainerOptions,
  rootfs: string,
  keep: KeepOptions,
  { say, ready }: {
    say: (line: string) => void;
    ready?: (id: string) => Promise<void>;
  },
): Promise<string> {
  if (options.preserveFds) {
    throw new UsageError(
      "A container in the background keeps no descriptors",
      "Leave out --preserve-fd, or --detach.",
    );
  }
  const drafted = draft(keep, options, rootfs, true);
  const decided = await decideDetached(drafted.id, drafted.daily);
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
