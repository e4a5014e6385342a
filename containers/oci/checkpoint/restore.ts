/**
 * restore: makes a container from the files of a checkpoint. CRIU creates its
 * namespaces and mounts. Runs on the host, in the restore command. See criu(8).
 */

import { readHierarchy, stateOf } from "../../../cgroup/mod.ts";
import { type Descriptor, duplicateUp, O, open } from "../../../ffi/fcntl.ts";
import { syscall } from "../../../ffi/libc.ts";
import { kill, SIGNAL, type SignalName } from "../../../ffi/signal.ts";
import { exitCode, waitInBackground } from "../../../ffi/wait.ts";
import {
  forwardSignals,
  Recipient,
} from "../../../launch/attend/forward_signals.ts";
import { HostPhase } from "../../../launch/host/host_phase.ts";
import { startTime } from "../../../launch/host/owner.ts";
import { criuRestore } from "../../../plan/criu.ts";
import { withRecord } from "../../../plan/host.ts";
import { devicesOf } from "../../../plan/mounts/devices.ts";
import { ContainerError } from "../../../spec/errors.ts";
import type { Spec } from "../../../spec/types.ts";
import {
  bindMounts,
  commonArguments,
  COVER,
  DESCRIPTORS,
  EXTERNAL,
} from "./checkpoint.ts";
import { planCgroupOf } from "../../decide/oci/cgroup.ts";
import { pidFileStep } from "../../decide/oci/own_steps.ts";
import { requesterIn } from "../../decide/requester.ts";
import { THIS_MACHINE } from "../../world/real_world.ts";
import type { CreateOptions } from "../create.ts";
import {
  CRIU,
  criuFailed,
  type CriuOptions,
  makeDirectory,
  requireCriu,
  runCriu,
  searchPath,
} from "./criu.ts";
import { destroy, remove } from "../end.ts";
import { EntryLedger } from "../../store/entry_ledger.ts";
import { endingName } from "../../../launch/attend/early_end.ts";
import type { Entry, Store } from "../../store/store.ts";

/** The options of restore. */
export interface RestoreOptions extends CriuOptions, CreateOptions {
  /** Do not wait. */
  detach: boolean;
  /**
   * The AppArmor profile or SELinux label to use instead of the saved one:
   * `selinux:LABEL`.
   */
  lsmProfile?: string;
  /** The SELinux context of mounts to use instead of the saved one. */
  lsmMountContext?: string;
}

/** The first of the descriptors that CRIU inherits. */
const FIRST = 20;
const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Restores a container. When attached, signals are passed to it, and it is
 * deleted at the end.
 *
 * @returns the status of its first process; 0 if detached
 * @throws {ContainerError} if CRIU is missing or fails; then nothing is left
 */
export async function restore(
  store: Store,
  options: RestoreOptions,
): Promise<number> {
  const { id, bundle, spec, warn, detach, pidFile } = options;
  const streams = readStreams(id, options.imagePath);
  requireCriu(`restore ${id}`, options.criu);
  // The restored process is a child of CRIU. When CRIU ends it becomes a child
  // of this process, because this is a subreaper.
  const recipient = new Recipient();
  let told: SignalName | undefined;
  if (!detach) {
    syscall("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    forwardSignals(recipient, {
      seen(signal) {
        if (!recipient.pid) told ??= endingName(signal);
      },
    });
  }
  const pid = recipient.pid = await restoreEntry();
  if (detach) return 0;
  // Pass on a signal that arrived in the meantime.
  if (told) kill(pid, SIGNAL[told]);
  const status = await waitInBackground(pid);
  await remove(store, id, { force: true, warn });
  return status ? exitCode(status) : 0;

  async function restoreEntry(): Promise<number> {
    using entry = store.add({
      ...{ id, bundle, pid: 0, startTime: "", cgroup: null, spec },
      ...{ created: new Date().toISOString(), uid: Deno.uid() ?? 0 },
    });
    let host: HostPhase | undefined;
    try {
      const plan = await planCgroupOf(options, requesterIn(THIS_MACHINE));
      host = new HostPhase(
        withRecord([
          ...plan?.steps ?? [],
          ...(pidFile === undefined ? [] : [pidFileStep(pidFile)]),
        ], { directory: entry.path }),
        new EntryLedger(entry, { cgroup: plan && stateOf(plan) }),
      );
      await host.prepare();
      const pid = runRestore(entry, options, streams);
      await host.attach(pid);
      entry.save({
        ...entry.record,
        pid,
        startTime: startTime(pid) ?? "",
      });
      host.leave();
      return pid;
    } catch (error) {
      host?.giveUp();
      await destroy(entry, warn);
      throw error;
    }
  }
}

/**
 * The names of the streams at the time of the checkpoint.
 *
 * @throws {ContainerError} if there is no checkpoint
 */
function readStreams(id: string, imagePath: string): unknown[] {
  const refuse = (why: string, cause: unknown) =>
    new ContainerError(
      `Cannot restore ${id}: there is no checkpoint in ${imagePath}: ${why}`,
      {
        hint:
          "Name the directory that `container checkpoint` wrote with --image-path DIR.",
        cause,
      },
    );
  try {
    Deno.statSync(imagePath);
  } catch (error) {
    throw refuse("the directory does not exist", error);
  }
  try {
    Deno.statSync(`${imagePath}/inventory.img`);
  } catch (error) {
    throw refuse("the file inventory.img is missing", error);
  }
  try {
    const names = JSON.parse(
      Deno.readTextFileSync(`${imagePath}/${DESCRIPTORS}`),
    );
    if (Array.isArray(names)) return names;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw refuse(
        `it has no ${DESCRIPTORS}; perhaps it contains only a --pre-dump`,
        error,
      );
    }
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw refuse(`its ${DESCRIPTORS} is not a list of streams`, null);
}

/** Runs CRIU and returns the pid of the restored first process. */
function runRestore(
  entry: Entry,
  options: RestoreOptions,
  streams: readonly unknown[],
): number {
  const { spec, imagePath, workPath = imagePath, id } = options;
  makeDirectory(`restore ${id}`, workPath);
  const pidFile = `${entry.path}/restored.pid`;
  using held = new DisposableStack();
  const fds: Record<number, Descriptor> = {};
  const inherited: string[] = [];
  const inherit = (descriptor: Descriptor, name: string) => {
    const number = FIRST + Object.keys(fds).length;
    fds[number] = held.use(descriptor);
    inherited.push("--inherit-fd", `fd[${number}]:${name}`);
  };
  [0, 1, 2].forEach((fd) => {
    const name = streams[fd];
    if (typeof name === "string" && name.startsWith("pipe:")) {
      inherit(duplicateUp(fd), name);
    }
  });
  for (const { type, path } of spec.linux.namespaces) {
    const name = EXTERNAL[type];
    if (path !== undefined && name) inherit(open(path, O.O_RDONLY), name);
  }
  const files = bindMounts(spec)
    .filter(({ destination, source = destination }) =>
      !Deno.statSync(source).isDirectory
    ).map(({ destination }) => destination);
  const { success } = runCriu(
    criuRestore(spec, files, [
      ...[
        options.criu ?? CRIU,
        "restore",
        "--root",
        spec.root.path,
        "--restore-detached",
      ],
      ...labels(options),
      ...["--pidfile", pidFile, ...commonArguments(options, "restore.log")],
      ...external(spec).flatMap(([name, source]) => [
        "--external",
        `mnt[${name}]:${source}`,
      ]),
      ...inherited,
      ...cgroupRoots(entry),
    ], searchPath()),
    fds,
  );
  if (!success) {
    throw criuFailed(`restore ${id}`, `${workPath}/restore.log`);
  }
  return Number(Deno.readTextFileSync(pidFile));
}

/**
 * The paths on this host for mounts that were not saved, by their names in the
 * files.
 */
function external(spec: Spec): [name: string, source: string][] {
  return [
    ...new Map([
      [COVER, COVER],
      ...devicesOf(spec).map(({ path, source = path }): [string, string] => [
        path,
        source,
      ]),
      ...bindMounts(spec).map((
        { destination, source = destination },
      ): [string, string] => [destination, source]),
    ]),
  ];
}

const labels = ({ lsmProfile, lsmMountContext }: RestoreOptions): string[] => [
  ...(lsmProfile === undefined ? [] : ["--lsm-profile", lsmProfile]),
  ...(lsmMountContext === undefined
    ? []
    : ["--lsm-mount-context", lsmMountContext]),
];

/**
 * Puts the processes into the container's new cgroup, not the one that was
 * saved.
 */
function cgroupRoots({ record: { cgroup } }: Entry): string[] {
  const { mounts } = readHierarchy();
  return (cgroup?.groups ?? []).flatMap(({ version, controllers, path }) => {
    const mount = mounts.find((mount) => path.startsWith(`${mount.path}/`));
    const below = mount ? path.slice(mount.path.length) : path;
    return [
      "--cgroup-root",
      version === 2 ? below : `${controllers.join(",")}:${below}`,
    ];
  });
}
