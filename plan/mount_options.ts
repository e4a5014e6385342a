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
  mand: "MS_MANDLOCK",
  remount: "MS_REMOUNT",
};

const ATTRIBUTES: Partial<Record<MountFlag, MountAttribute>> = {
  MS_RDONLY: "MOUNT_ATTR_RDONLY",
  MS_NOSUID: "MOUNT_ATTR_NOSUID",
  MS_NODEV: "MOUNT_ATTR_NODEV",
  MS_NOEXEC: "MOUNT_ATTR_NOEXEC",
  MS_NOSYMFOLLOW: "MOUNT_ATTR_NOSYMFOLLOW",
  MS_NODIRATIME: "MOUNT_ATTR_NODIRATIME",
  MS_NOATIME: "MOUNT_ATTR_NOATIME",
  MS_STRICTATIME: "MOUNT_ATTR_STRICTATIME",
};

/** The kernel's default among them: `relatime` asks for nothing, `rrelatime` does. */
const RELATIME = "MOUNT_ATTR_RELATIME";

/** Those that exclude each other: the last one counts. */
const ACCESS_TIME: ReadonlySet<MountAttribute> = new Set([
  RELATIME,
  "MOUNT_ATTR_NOATIME",
  "MOUNT_ATTR_STRICTATIME",
]);

/** What mount_setattr(2) does to a mount and those below it. */
const RECURSIVE: Record<
  string,
  { set: MountAttribute } | { clear: MountAttribute } | undefined
> = {
  ...Object.fromEntries(
    Object.entries(FLAGS).flatMap(([name, flag]) => {
      const set = ATTRIBUTES[flag!];
      return set ? [[`r${name}`, { set }]] : [];
    }),
  ),
  rrelatime: { set: RELATIME },
  ratime: { set: RELATIME },
  rnostrictatime: { set: RELATIME },
  rrw: { clear: "MOUNT_ATTR_RDONLY" },
  rsuid: { clear: "MOUNT_ATTR_NOSUID" },
  rdev: { clear: "MOUNT_ATTR_NODEV" },
  rexec: { clear: "MOUNT_ATTR_NOEXEC" },
  rsymfollow: { clear: "MOUNT_ATTR_NOSYMFOLLOW" },
  rdiratime: { clear: "MOUNT_ATTR_NODIRATIME" },
};

const flagOf = (attribute: MountAttribute) =>
  (Object.keys(ATTRIBUTES) as MountFlag[])
    .find((flag) => ATTRIBUTES[flag] === attribute);

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
  "noacl",
  "diratime",
  "loud",
  "nomand",
  "noiversion",
  "nolazytime",
  "norelatime",
  "rnorelatime",
  "nostrictatime",
  "symfollow",
  // lifecycle/idmaps.ts makes uidMappings and gidMappings of these.
  "idmap",
  "ridmap",
]);

const COPY_UP = "tmpcopyup";

/** The words that a bind mount understands, for who has to name the nearest. */
export const BIND_OPTIONS: readonly string[] = [
  "bind",
  "rbind",
  ...DEFAULTS,
  ...Object.keys(FLAGS),
  ...Object.keys(RECURSIVE),
  ...Object.keys(PROPAGATION),
];

/** What the options of a mount come to. */
export interface MountOptions {
  bind: boolean;
  recursive: boolean;
  flags: MountFlag[];
  /** `flags` as mount_setattr(2) has them. */
  attributes: MountAttribute[];
  /** What is to be taken off a mount of the host, and those below it. */
  cleared: MountAttribute[];
  propagation: { propagation: Propagation; recursive: boolean } | null;
  /** A tmpfs begins with a copy of what it covers. */
  copyUp: boolean;
  /** What is for the file system itself. */
  data: string[];
}

/** Sorts options into what mount(2), mount_setattr(2) and the file system take. */
export function mountOptions(options: readonly string[]): MountOptions {
  const flags = new Set<MountFlag>();
  const attributes = new Set<MountAttribute>();
  const cleared = new Set<MountAttribute>();
  const data: string[] = [];
  let propagation: MountOptions["propagation"] = null;
  const set = (attribute: MountAttribute) => {
    cleared.delete(attribute);
    if (ACCESS_TIME.has(attribute)) {
      for (const other of ACCESS_TIME) attributes.delete(other);
    }
    attributes.add(attribute);
  };
  const clear = (attribute: MountAttribute) => {
    attributes.delete(attribute);
    cleared.add(attribute);
    const flag = flagOf(attribute);
    if (flag) flags.delete(flag);
  };
  for (const option of options) {
    if (option === "bind" || option === "rbind" || DEFAULTS.has(option)) {
      continue;
    }
    if (option === COPY_UP) continue;
    const flag = FLAGS[option];
    const recursive = RECURSIVE[option];
    if (flag) {
      flags.add(flag);
      const attribute = ATTRIBUTES[flag];
      if (attribute) set(attribute);
    } else if (PROPAGATION[option]) propagation = PROPAGATION[option];
    else if (!recursive) data.push(option);
    else if ("clear" in recursive) clear(recursive.clear);
    else {
      // `ro` and `rro` are one: what holds of a mount holds of those below it.
      set(recursive.set);
      const same = flagOf(recursive.set);
      if (same) flags.add(same);
    }
  }
  return {
    bind: options.includes("bind") || options.includes("rbind"),
    recursive: options.includes("rbind"),
    flags: [...flags],
    attributes: [...attributes],
    cleared: [...cleared],
    propagation,
    copyUp: options.includes(COPY_UP),
    data,
  };
}
