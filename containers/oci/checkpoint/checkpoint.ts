/**
 * checkpoint: saves the processes of a container to files, by CRIU. Runs on the
 * host, in the checkpoint command. See criu(8) and
 * https://criu.org/Checkpoint/Restore.
 */

import { Cgroup } from "../../../cgroup/mod.ts";
import { duplicateUp } from "../../../ffi/fcntl.ts";
import { criuProcess } from "../../../plan/criu.ts";
import { devicesOf } from "../../../plan/mounts/devices.ts";
import { ContainerError, SpecError } from "../../../spec/errors.ts";
import type { NamespaceType, Spec } from "../../../spec/types.ts";
import {
  CRIU,
  criuFailed,
  type CriuOptions,
  makeDirectory,
  requireCriu,
  runCriu,
  searchPath,
} from "./criu.ts";
import { destroy } from "../end.ts";
import type { Warn } from "../hooks/hooks.ts";
import { statusOf } from "../../store/status.ts";
import type { Entry, Store } from "../../store/store.ts";

/** The options of checkpoint. */
export interface CheckpointOptions extends CriuOptions {
  /** The container goes on and is not removed. */
  leaveRunning: boolean;
  /** Save only its memory; the container goes on. */
  preDump: boolean;
  /**
   * An earlier checkpoint, relative to the image path. Pages in it are not
   * saved again.
   */
  parentPath?: string;
  /** `ADDRESS:PORT` of the server that receives the pages. */
  pageServer?: string;
  /** This descriptor receives a byte when the pages can be fetched. */
  statusFd?: number;
  warn: Warn;
}

/** CRIU's names for joined namespaces, which stay on the host. */
export const EXTERNAL: Partial<Record<NamespaceType, string>> = {
  network: "extRootNetNS",
  pid: "extRootPidNS",
};

/** The descriptor at which CRIU reports that the pages are ready. */
const STATUS = 20;

/** The file with the names of the streams, by which restore replaces them. */
export const DESCRIPTORS = "descriptors.json";

/**
 * Saves a container. Unless it is left running it ends and is removed.
 *
 * @throws {ContainerError} if CRIU is missing or fails, and if the container
 * does not run
 */
export async function checkpoint(
  store: Store,
  id: string,
  options: CheckpointOptions,
): Promise<void> {
  using entry = store.open(id);
  const state = statusOf(entry);
  if (state !== "running" && state !== "paused") {
    throw new ContainerError(
      `Container cannot be checkpointed in ${state} state`,
      {
        hint: "Start it first.",
      },
    );
  }
  const { pid, spec } = entry.record;
  refuseWhatStays(spec);
  requireCriu(`checkpoint ${id}`, options.criu);
  const { imagePath, workPath = imagePath } = options;
  // On restore, criu reads the directory as root of the user namespace.
  const root = spec.linux.uidMappings?.find(({ containerID }) =>
    containerID === 0
  );
  makeDirectory(`checkpoint ${id}`, imagePath, root?.hostID);
  makeDirectory(`checkpoint ${id}`, workPath);
  if (!options.preDump) await saveDescriptors(pid, imagePath);
  const { statusFd } = options;
  using status = statusFd === undefined ? null : duplicateUp(statusFd);
  const { success } = runCriu(
    criuProcess(
      [options.criu ?? CRIU, ...dumpArguments(entry, options)],
      searchPath(),
    ),
    status ? { [STATUS]: status } : {},
  );
  if (!success) {
    throw criuFailed(`checkpoint ${id}`, `${workPath}/dump.log`);
  }
  if (!options.leaveRunning && !options.preDump) {
    await destroy(entry, options.warn);
  }
}

/**
 * Saves the names of the streams as runc does: on restore a pipe is replaced by
 * its name.
 */
async function saveDescriptors(pid: number, imagePath: string): Promise<void> {
  const links = await Promise.all(
    [0, 1, 2].map((fd) =>
      Deno.readLink(`/proc/${pid}/fd/${fd}`).catch(() => "")
    ),
  );
  await Deno.writeTextFile(
    `${imagePath}/${DESCRIPTORS}`,
    JSON.stringify(links),
    { mode: 0o600 },
  );
}

function refuseWhatStays(spec: Spec): void {
  const refuse = (what: string, hint: string) =>
    new SpecError(`Cannot checkpoint the container: ${what}`, { hint });
  if (spec.process.terminal) {
    throw refuse("it has a terminal", "Set process.terminal to false.");
  }
  const joined = spec.linux.namespaces.find(({ type, path }) =>
    path !== undefined && !EXTERNAL[type]
  );
  if (joined) {
    throw refuse(
      `its ${joined.type} namespace belongs to another container`,
      "Only joined network and PID namespaces are supported.",
    );
  }
}

function dumpArguments(entry: Entry, options: CheckpointOptions): string[] {
  const { pid, spec, cgroup } = entry.record;
  const freezer = cgroup && new Cgroup(cgroup).freezerPath();
  const { preDump, leaveRunning, parentPath, pageServer, statusFd } = options;
  const [address, port] = pageServer?.split(":") ?? [];
  return [
    preDump ? "pre-dump" : "dump",
    ...["--tree", String(pid), "--root", spec.root.path],
    ...commonArguments(options, "dump.log"),
    // Without it, criu waits forever for a paused process.
    ...(freezer ? ["--freeze-cgroup", freezer] : []),
    ...externalMounts(pid, spec),
    ...spec.linux.namespaces.flatMap(({ type, path }) =>
      path === undefined ? [] : [
        "--external",
        `${type === "network" ? "net" : type}[${Deno.statSync(path).ino}]:${
          EXTERNAL[type]
        }`,
      ]
    ),
    ...(preDump ? ["--track-mem"] : leaveRunning ? ["--leave-running"] : []),
    ...(parentPath === undefined
      ? []
      : ["--prev-images-dir", parentPath, "--track-mem"]),
    ...(pageServer === undefined
      ? []
      : ["--page-server", "--address", address!, "--port", port ?? ""]),
    ...(statusFd === undefined ? [] : ["--status-fd", String(STATUS)]),
  ];
}

/** The arguments that dump and restore have in common. */
export function commonArguments(
  options: CriuOptions,
  log: string,
): string[] {
  const { imagePath, workPath = imagePath, manageCgroups, emptyNs } = options;
  return [
    ...["--images-dir", imagePath, "--work-dir", workPath],
    ...["--log-file", log, "-v4", `--manage-cgroups=${manageCgroups}`],
    ...(options.tcpEstablished ? ["--tcp-established"] : []),
    ...(options.extUnixSk ? ["--ext-unix-sk"] : []),
    ...(options.shellJob ? ["--shell-job"] : []),
    ...(options.fileLocks ? ["--file-locks"] : []),
    ...(options.lazyPages ? ["--lazy-pages"] : []),
    ...(options.autoDedup ? ["--auto-dedup"] : []),
    ...(emptyNs === undefined ? [] : ["--empty-ns", emptyNs]),
  ];
}

/**
 * Mounts of the host that are not saved: bind mounts, covers of masked files,
 * and bound devices.
 */
function externalMounts(pid: number, spec: Spec): string[] {
  const { maskedPaths = [] } = spec.linux;
  const mounts = Deno.readTextFileSync(`/proc/${pid}/mountinfo`).trim()
    .split("\n").map((line) => {
      const [, , , root = "", target = ""] = line.split(" ");
      return { root, target };
    });
  const files = mounts.filter(({ root }) => root !== "/");
  const covered = files.filter(({ target }) => maskedPaths.includes(target));
  // In a user namespace the devices are bind mounts of the host's.
  const devices = devicesOf(spec).filter(({ path }) =>
    files.some(({ target }) => target === path)
  );
  return [
    ...bindMounts(spec).map(({ destination }) => [destination, destination]),
    ...covered.map(({ target }) => [target, COVER]),
    ...devices.map(({ path }) => [path, path]),
  ].flatMap(([target, name]) => ["--external", `mnt[${target}]:${name}`]);
}

/** CRIU's name for the covers of masked files. */
export const COVER = "/dev/null";

/** The bind mounts of a configuration. */
export const bindMounts = ({ mounts = [] }: Spec) =>
  mounts.filter(({ type, options = [] }) =>
    type === "bind" || options.some((option) => /^r?bind$/.test(option))
  );
