/** The options of a mount as config.json and `-v` write them: a table. */

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

/** The options that undo one of mount(2): what that is. */
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

/** Those after which a mount has the kernel's default for access times. */
const USUAL_TIMES = new Set(["relatime", "atime", "nostrictatime"]);

/** Options that are the default, or mean something to others. */
const DEFAULTS = new Set([
  "defaults",
  "acl",
  "noacl",
  "rnorelatime",
  // containers/decide/idmaps.ts makes uidMappings and gidMappings of these.
  "idmap",
  "ridmap",
]);

const COPY_UP = "tmpcopyup";

/** The words that a bind mount understands, for who has to name the nearest. */
export const BIND_OPTIONS: readonly string[] = [
  "bind",
  "rbind",
  ...DEFAULTS,
  ...Object.keys(UNDO),
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
  /**
   * `rw` and its like, without an `r` before: for the mount of the host itself.
   * Those below it stay as restricted as they are.
   */
  own: { attributes: MountAttribute[]; cleared: MountAttribute[] };
  propagation: { propagation: Propagation; recursive: boolean } | null;
  /** A tmpfs begins with a copy of what it covers. */
  copyUp: boolean;
  /** What is for the file system itself. */
  data: string[];
}

/** Sorts options into what mount(2), mount_setattr(2) and the file system take. */
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
      // `ro` and `rro` are one: what holds of a mount holds of those below it.
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

/** Whether a mount is of something that is on the host. */
export const isBind = ({ type, options = [] }: Mount): boolean =>
  type === "bind" || options.includes("bind") || options.includes("rbind");

/** What options ask for so far: of two that contradict, the later. */
class Sorted {
  readonly flags = new Set<MountFlag>();
  /** And whether an option with an `r` before asks for it: such a one is undone by its like only. */
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
