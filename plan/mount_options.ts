/** The options of a mount as config.json and `-v` write them: a table. */

import type { MountAttribute, MountFlag, Propagation } from "./step.ts";

const FLAGS: Record<string, MountFlag | undefined> = {
  ro: "MS_RDONLY",
  nosuid: "MS_NOSUID",
  nodev: "MS_NODEV",
  noexec: "MS_NOEXEC",
  nosymfollow: "MS_NOSYMFOLLOW",
  sync: "MS_SYNCHRONOUS",
  dirsync: "MS_DIRSYNC",
  iversion: "MS_I_VERSION",
  lazytime: "MS_LAZYTIME",
  silent: "MS_SILENT",
  noatime: "MS_NOATIME",
  nodiratime: "MS_NODIRATIME",
  relatime: "MS_RELATIME",
  strictatime: "MS_STRICTATIME",
};

const ATTRIBUTES: Partial<Record<MountFlag, MountAttribute>> = {
  MS_RDONLY: "MOUNT_ATTR_RDONLY",
  MS_NOSUID: "MOUNT_ATTR_NOSUID",
  MS_NODEV: "MOUNT_ATTR_NODEV",
  MS_NOEXEC: "MOUNT_ATTR_NOEXEC",
  MS_NOSYMFOLLOW: "MOUNT_ATTR_NOSYMFOLLOW",
};

const PROPAGATION: Record<
  string,
  { propagation: Propagation; recursive: boolean } | undefined
> = Object.fromEntries(
  (["private", "slave", "shared", "unbindable"] as const).flatMap((
    propagation,
  ) => [
    [propagation, { propagation, recursive: false }],
    [`r${propagation}`, { propagation, recursive: true }],
  ]),
);

/** Options that undo another, are the default, or mean something to others. */
const DEFAULTS = new Set([
  "rw",
  "suid",
  "dev",
  "exec",
  "atime",
  "defaults",
  "async",
  "acl",
  "diratime",
  "loud",
  "nomand",
  "noiversion",
  "nolazytime",
  "norelatime",
  "nostrictatime",
  "symfollow",
  // lifecycle/idmaps.ts makes uidMappings and gidMappings of these.
  "idmap",
  "ridmap",
]);

const COPY_UP = "tmpcopyup";

const RECURSIVE = Object.keys(FLAGS).map((name) => `r${name}`);

/** The words that a bind mount understands, for who has to name the nearest. */
export const BIND_OPTIONS: readonly string[] = [
  "bind",
  "rbind",
  ...DEFAULTS,
  ...Object.keys(FLAGS),
  ...RECURSIVE,
  ...Object.keys(PROPAGATION),
];

/** What the options of a mount come to. */
export interface MountOptions {
  bind: boolean;
  recursive: boolean;
  flags: MountFlag[];
  /** `flags` as mount_setattr(2) has them. */
  attributes: MountAttribute[];
  propagation: { propagation: Propagation; recursive: boolean } | null;
  /** A tmpfs begins with a copy of what it covers. */
  copyUp: boolean;
  /** What is for the file system itself. */
  data: string[];
}

/** Sorts options into what mount(2), mount_setattr(2) and the file system take. */
export function mountOptions(options: readonly string[]): MountOptions {
  const flags: MountFlag[] = [];
  const data: string[] = [];
  let propagation: MountOptions["propagation"] = null;
  for (const option of options) {
    const recursiveFlag = option.startsWith("r") && FLAGS[option.slice(1)];
    if (option === "bind" || option === "rbind" || DEFAULTS.has(option)) {
      continue;
    }
    if (option === COPY_UP) continue;
    if (FLAGS[option]) flags.push(FLAGS[option]);
    else if (PROPAGATION[option]) propagation = PROPAGATION[option];
    else if (recursiveFlag) flags.push(recursiveFlag);
    else data.push(option);
  }
  return {
    // `ro` and `rro` are one: what holds of a mount holds of those below it.
    bind: options.includes("bind") || options.includes("rbind"),
    recursive: options.includes("rbind"),
    flags,
    attributes: flags.flatMap((flag) => ATTRIBUTES[flag] ?? []),
    propagation,
    copyUp: options.includes(COPY_UP),
    data,
  };
}
