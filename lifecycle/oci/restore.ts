/**
 * restore: a container made again of the files of a checkpoint, by CRIU, which
 * makes its namespaces and mounts. Runs on the host. See criu(8).
 */

import { readHierarchy } from "../../cgroup/mod.ts";
import { startTime } from "../../cgroup/sweep.ts";
import { type Descriptor, duplicateUp, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { exitCode, waitInBackground } from "../../ffi/wait.ts";
import { criuRestore } from "../../plan/criu.ts";
import { ContainerError } from "../../spec/errors.ts";
import {
  bindMounts,
  commonArguments,
  COVER,
  DESCRIPTORS,
  EXTERNAL,
} from "./checkpoint.ts";
import { makeCgroup, planCgroupOf } from "./cgroup.ts";
import type { CreateOptions } from "./create.ts";
import {
  complaintIn,
  CRIU,
  type CriuOptions,
  readLog,
  requireCriu,
  runCriu,
  searchPath,
} from "./criu.ts";
import { destroy, remove } from "./end.ts";
import { writePidFile } from "./pid_file.ts";
import type { Entry, Store } from "./store.ts";

/** What is asked of a restore. */
export interface RestoreOptions extends CriuOptions, CreateOptions {
  /** Do not wait. */
  detach: boolean;
  /** A label of AppArmor or SELinux instead of the saved one: `selinux:LABEL`. */
  lsmProfile?: string;
  /** The SELinux context of mounts, instead of the saved one. */
  lsmMountContext?: string;
}

/** From here on: what CRIU finds open. */
const FIRST = 20;
const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Restores a container.
 *
 * @returns the status of its first process; detached, 0
 * @throws {ContainerError} where CRIU is missing or fails: nothing is left
 */
export async function restore(
  store: Store,
  options: RestoreOptions,
): Promise<number> {
  const { id, bundle, spec, warn, detach, pidFile } = options;
  requireCriu(`restore ${id}`, options.criu);
  // Who is made by CRIU is its child, and ours when that has ended.
  if (!detach) syscall("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const pid = await restoreEntry();
  if (pidFile !== undefined) writePidFile(pidFile, pid);
  if (detach) return 0;
  const status = await waitInBackground(pid);
  await remove(store, id, { force: true, warn });
  return status ? exitCode(status) : 0;

  async function restoreEntry(): Promise<number> {
    using entry = store.add({
      ...{ id, bundle, pid: 0, startTime: "", cgroup: null, spec },
      ...{ created: new Date().toISOString(), uid: Deno.uid() ?? 0 },
    });
    try {
      const plan = await planCgroupOf(options);
      using _held = await makeCgroup(plan, entry);
      const pid = runRestore(entry, options);
      entry.save({
        ...entry.record,
        pid,
        startTime: startTime(pid) ?? "",
      });
      return pid;
    } catch (error) {
      await destroy(entry, warn);
      throw error;
    }
  }
}

/** Runs CRIU; the first process of what it has made. */
function runRestore(entry: Entry, options: RestoreOptions): number {
  const { spec, imagePath, workPath = imagePath, id } = options;
  Deno.mkdirSync(workPath, { recursive: true, mode: 0o700 });
  const pidFile = `${entry.path}/restored.pid`;
  using held = new DisposableStack();
  const fds: Record<number, Descriptor> = {};
  const inherited: string[] = [];
  const inherit = (descriptor: Descriptor, name: string) => {
    const number = FIRST + Object.keys(fds).length;
    fds[number] = held.use(descriptor);
    inherited.push("--inherit-fd", `fd[${number}]:${name}`);
  };
  const names = JSON.parse(
    Deno.readTextFileSync(`${imagePath}/${DESCRIPTORS}`),
  ) as unknown[];
  [0, 1, 2].forEach((fd) => {
    const name = names[fd];
    if (typeof name === "string" && name.startsWith("pipe:")) {
      inherit(duplicateUp(fd), name);
    }
  });
  for (const { type, path } of spec.linux.namespaces) {
    const name = EXTERNAL[type];
    if (path !== undefined && name) inherit(open(path, O.O_RDONLY), name);
  }
  const { success } = runCriu(
    criuRestore(spec.root.path, [
      ...[
        options.criu ?? CRIU,
        "restore",
        "--root",
        spec.root.path,
        "--restore-detached",
      ],
      ...labels(options),
      ...["--pidfile", pidFile, ...commonArguments(options, "restore.log")],
      ...bindMounts(spec).flatMap(({ destination, source = destination }) => [
        "--external",
        `mnt[${destination}]:${source}`,
      ]),
      ...["--external", `mnt[${COVER}]:${COVER}`],
      ...inherited,
      ...cgroupRoots(entry),
    ], searchPath()),
    fds,
  );
  if (!success) {
    throw new ContainerError(
      `Cannot restore ${id}: criu: ${
        complaintIn(readLog(workPath, "restore.log"))
      }`,
      { hint: `${workPath}/restore.log says all of it.` },
    );
  }
  return Number(Deno.readTextFileSync(pidFile));
}

const labels = ({ lsmProfile, lsmMountContext }: RestoreOptions): string[] => [
  ...(lsmProfile === undefined ? [] : ["--lsm-profile", lsmProfile]),
  ...(lsmMountContext === undefined
    ? []
    : ["--lsm-mount-context", lsmMountContext]),
];

/** Its cgroup is the container's, and not the one it was saved in. */
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
