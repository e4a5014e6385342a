/** `container checkpoint` and `container restore`, by CRIU. */

import { checkpoint } from "../../containers/oci/checkpoint/checkpoint.ts";
import type { CriuOptions } from "../../containers/oci/checkpoint/criu.ts";
import { restore } from "../../containers/oci/checkpoint/restore.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, type Flags, parseFlagsAndNames } from "../flags.ts";
import { warn } from "../output.ts";
import { parseNumber } from "../run_values.ts";
import { CREATE_FLAGS, createOptions } from "./create_flags.ts";
import { globals } from "./global.ts";
import { idOf, refuseName } from "./id.ts";

const CRIU_FLAGS: readonly Flag[] = [
  {
    name: "image-path",
    value: "DIR",
    help: "Directory of the checkpoint files (default checkpoint)",
  },
  {
    name: "work-path",
    value: "DIR",
    help: "Directory for logs (default: the image path)",
  },
  { name: "tcp-established", help: "Include open TCP connections" },
  { name: "ext-unix-sk", help: "Include Unix sockets of the host" },
  {
    name: "shell-job",
    help: "Include processes that belong to a shell's session",
  },
  { name: "file-locks", help: "Include file locks" },
  { name: "lazy-pages", help: "Fetch memory when it is used" },
  {
    name: "manage-cgroups-mode",
    value: "MODE",
    help: "soft, full, strict or ignore",
  },
  {
    name: "empty-ns",
    value: "TYPE",
    help: "network: create the namespace, but leave it empty",
  },
  { name: "auto-dedup", help: "Drop memory pages that later images contain" },
];

function criuOptions(flags: Flags): CriuOptions {
  const absolute = (path: string) =>
    path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  const modes = ["soft", "full", "strict", "ignore"] as const;
  const mode = flags.last("manage-cgroups-mode") ?? "soft";
  const manageCgroups = modes.find((each) => each === mode);
  if (!manageCgroups) {
    throw new UsageError(
      `--manage-cgroups-mode ${mode}: not one of ${modes.join(", ")}`,
    );
  }
  const emptyNs = flags.last("empty-ns");
  if (emptyNs !== undefined && emptyNs !== "network") {
    throw new UsageError(`--empty-ns ${emptyNs}: only network is supported`);
  }
  const workPath = flags.last("work-path");
  return {
    criu: globals().criu,
    imagePath: absolute(flags.last("image-path") ?? "checkpoint"),
    workPath: workPath === undefined ? undefined : absolute(workPath),
    tcpEstablished: flags.has("tcp-established"),
    extUnixSk: flags.has("ext-unix-sk"),
    shellJob: flags.has("shell-job"),
    fileLocks: flags.has("file-locks"),
    lazyPages: flags.has("lazy-pages"),
    autoDedup: flags.has("auto-dedup"),
    manageCgroups,
    emptyNs: emptyNs && "net",
  };
}

/** `container checkpoint`. */
export const checkpointCommand: Command = {
  name: "checkpoint",
  summary: "Save the processes of a container to files, with criu",
  usage: "[flags] ID",
  flags: [
    ...CRIU_FLAGS,
    { name: "leave-running", help: "Keep the container running" },
    {
      name: "pre-dump",
      help: "Save only the memory, and keep the container running",
    },
    {
      name: "parent-path",
      value: "DIR",
      help: "Images of a --pre-dump, relative to the image path",
    },
    {
      name: "page-server",
      value: "ADDRESS:PORT",
      help: "Send the memory to this page server",
    },
    {
      name: "status-fd",
      value: "FD",
      help: "Write a byte to FD when --lazy-pages is ready",
    },
  ],
  examples: [[
    "sudo container checkpoint --image-path /srv/saved web",
    "then: restore",
  ]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container checkpoint");
    const id = idOf(flags, "checkpoint");
    await refuseName(id, "checkpoint", `container inspect ${id} shows its ID.`);
    const statusFd = flags.last("status-fd");
    await checkpoint(globals().store, id, {
      ...criuOptions(flags),
      leaveRunning: flags.has("leave-running"),
      preDump: flags.has("pre-dump"),
      parentPath: flags.last("parent-path"),
      pageServer: flags.last("page-server"),
      statusFd: statusFd === undefined
        ? undefined
        : parseNumber("status-fd", statusFd, [0, 1023]),
      warn,
    });
    return 0;
  },
};

/** `container restore`. */
export const restoreCommand: Command = {
  name: "restore",
  summary: "Restore a container from the files of a checkpoint, with criu",
  usage: "[flags] ID",
  flags: [
    ...CREATE_FLAGS.filter(({ name }) =>
      ["bundle", "console-socket", "pid-file", "no-pivot"].includes(name)
    ),
    ...CRIU_FLAGS,
    { name: "detach", short: "d", help: "Do not wait until it ends" },
    {
      name: "no-subreaper",
      help: "Has no effect: orphans are never reaped with --detach",
    },
    {
      name: "lsm-profile",
      value: "TYPE:NAME",
      help: "Replace the saved AppArmor profile or SELinux label",
    },
    {
      name: "lsm-mount-context",
      value: "CONTEXT",
      help: "Replace the saved SELinux context of mounts",
    },
  ],
  examples: [[
    "sudo container restore --bundle /srv/web --image-path /srv/saved -d web",
    "after: checkpoint",
  ]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container restore");
    const options = createOptions(flags, idOf(flags, "restore"));
    return await restore(globals().store, {
      ...options,
      ...criuOptions(flags),
      detach: flags.has("detach"),
      lsmProfile: flags.last("lsm-profile"),
      lsmMountContext: flags.last("lsm-mount-context"),
    });
  },
};
