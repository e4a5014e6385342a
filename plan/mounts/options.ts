/** The options of a mount, as written in config.json and with `-v`: a table. */

import type { Mount } from "../../spec/types.ts";
import type { MountAttribute, MountFlag, Propagation } from "../step.ts";

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

/**
 * The kernel's default for access times. It is not in ATTRIBUTES, because
 * `relatime` changes only the mount itself; `rrelatime` sets it recursively.
 */
const RELATIME = "MOUNT_ATTR_RELATIME";

/** Attributes that exclude each other: the last one in the options counts. */
const ACCESS_TIME: ReadonlySet<MountAttribute> = new Set([
  RELATIME,
  "MOUNT_ATTR_NOATIME",
  "MOUNT_ATTR_STRICTATIME",
]);

/** Options that mount_setattr(2) applies to a mount and to the mounts below it. */
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

/** Options that undo a flag of mount(2), with that flag. */
const UNDO: Record<string, MountFlag | undefined> = {
  rw: "MS_RDONLY",
  suid: "MS_NOSUID",
  dev: "MS_NODEV",
  exec: "MS_NOEXEC",
  symfollow: "MS_NOSYMFOLLOW",
  atime: "MS_NOATIME",
  diratime: "MS_NODIRATIME",
  norelatime: "MS_RELATIME",
  nostrictatime: "MS_STRICTATIME",
  async: "MS_SYNCHRONOUS",
  loud: "MS_SILENT",
  nomand: "MS_MANDLOCK",
  noiversion: "MS_I_VERSION",
  nolazytime: "MS_LAZYTIME",
};

/** Options that give a mount the kernel's default for access times. */
const USUAL_TIMES = new Set(["relatime", "atime", "nostrictatime"]);

/** Options without effect here: they are the default, or other code reads them. */
const DEFAULTS = new Set([
  "defaults",
  "acl",
  "noacl",
  "rnorelatime",
  // containers/decide/idmaps.ts turns these into uidMappings and gidMappings.
  "idmap",
  "ridmap",
]);

const COPY_UP = "tmpcopyup";

/** The options of a bind mount, for messages that suggest the nearest one. */
export const BIND_OPTIONS: readonly string[] = [
  "bind",
  "rbind",
  ...DEFAULTS,
  ...Object.keys(UNDO),
  ...Object.keys(FLAGS),
  ...Object.keys(RECURSIVE),
  ...Object.keys(PROPAGATION),
];

/** The meaning of a mount's options. */
export interface MountOptions {
  bind: boolean;
  recursive: boolean;
  flags: MountFlag[];
  /** `flags` as attributes of mount_setattr(2). */
  attributes: MountAttribute[];
  /** Attributes to clear from a mount of the host and from the mounts below it. */
  cleared: MountAttribute[];
  /**
   * Options such as `rw`, without the prefix `r`: they change only the host's
   * mount itself. The mounts below it keep their restrictions.
   */
  own: { attributes: MountAttribute[]; cleared: MountAttribute[] };
  propagation: { propagation: Propagation; recursive: boolean } | null;
  /** Whether a tmpfs starts with a copy of the directory that it covers. */
  copyUp: boolean;
  /** Options for the file system itself. */
  data: string[];
}

/**
 * Sorts options into those for mount(2), for mount_setattr(2) and for the file
 * system.
 */
export function mountOptions(options: readonly string[]): MountOptions {
  const sorted = new Sorted();
  const data: string[] = [];
  let propagation: MountOptions["propagation"] = null;
  for (const option of options) {
    if (option === "bind" || option === "rbind" || DEFAULTS.has(option)) {
      continue;
    }
    if (option === COPY_UP) continue;
    const flag = FLAGS[option];
    const undone = UNDO[option];
    const recursive = RECURSIVE[option];
    if (flag) sorted.setFlag(flag);
    else if (undone) sorted.undo(undone);
    else if (PROPAGATION[option]) propagation = PROPAGATION[option];
    else if (!recursive) data.push(option);
    else if ("clear" in recursive) sorted.clear(recursive.clear);
    else {
      // `ro` and `rro` mean the same: both apply to the mounts below as well.
      sorted.set(recursive.set, true);
      const same = flagOf(recursive.set);
      if (same) sorted.flags.add(same);
    }
    if (USUAL_TIMES.has(option)) sorted.setUsualTimes();
  }
  return {
    bind: options.includes("bind") || options.includes("rbind"),
    recursive: options.includes("rbind"),
    flags: [...sorted.flags],
    attributes: [...sorted.attributes.keys()],
    cleared: [...sorted.cleared],
    own: {
      attributes: sorted.usualTimes ? [RELATIME] : [],
      cleared: [...sorted.ownCleared],
    },
    propagation,
    copyUp: options.includes(COPY_UP),
    data,
  };
}

/** Whether a mount is a bind mount, of something on the host. */
export const isBind = ({ type, options = [] }: Mount): boolean =>
  type === "bind" || options.includes("bind") || options.includes("rbind");

/** What the options so far ask for. If two contradict each other, the later counts. */
class Sorted {
  readonly flags = new Set<MountFlag>();
  /**
   * Whether a recursive option, such as `rro`, asks for an attribute. Only
   * another recursive option undoes that.
   */
  readonly attributes = new Map<MountAttribute, boolean>();
  readonly cleared = new Set<MountAttribute>();
  readonly ownCleared = new Set<MountAttribute>();
  usualTimes = false;

  setFlag(flag: MountFlag): void {
    this.flags.add(flag);
    const attribute = ATTRIBUTES[flag];
    if (attribute) this.set(attribute, false);
  }

  set(attribute: MountAttribute, recursive: boolean): void {
    this.cleared.delete(attribute);
    this.ownCleared.delete(attribute);
    if (ACCESS_TIME.has(attribute)) {
      for (const other of ACCESS_TIME) this.attributes.delete(other);
      this.usualTimes = false;
    }
    const before = this.attributes.get(attribute) ?? false;
    this.attributes.set(attribute, before || recursive);
  }

  clear(attribute: MountAttribute): void {
    this.attributes.delete(attribute);
    this.ownCleared.delete(attribute);
    this.cleared.add(attribute);
    const flag = flagOf(attribute);
    if (flag) this.flags.delete(flag);
  }

  undo(flag: MountFlag): void {
    const attribute = ATTRIBUTES[flag];
    if (attribute && this.attributes.get(attribute)) return;
    this.flags.delete(flag);
    if (flag === "MS_RELATIME") this.usualTimes = false;
    if (!attribute) return;
    this.attributes.delete(attribute);
    if (ACCESS_TIME.has(attribute) || this.cleared.has(attribute)) return;
    this.ownCleared.add(attribute);
  }

  setUsualTimes(): void {
    const asked = [...this.attributes].filter(([name]) =>
      ACCESS_TIME.has(name)
    );
    if (asked.some(([, recursive]) => recursive)) return;
    for (const [name] of asked) {
      this.attributes.delete(name);
      const flag = flagOf(name);
      if (flag) this.flags.delete(flag);
    }
    this.usualTimes = true;
  }
}
