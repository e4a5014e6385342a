/**
 * The kinds of step of the host phase: what changes on the host for a
 * container. launch/host/host_phase.ts carries them out.
 */

import type { DeviceRule } from "../spec/resources.ts";
import type { IdMapping } from "../spec/types.ts";
import type {
  HostsChange,
  NetworkMember,
  NetworkRecord,
  WayOut,
} from "./network.ts";
import type { AskedPort } from "./ports.ts";
import type { MountAttribute, Propagation } from "./mounts/words.ts";
import type { OwnerMaps, Undoable } from "./undo.ts";

/** A systemd manager: the system's or a user's. */
export interface Manager {
  /** The path of its socket. */
  socket: string;
  /** The socket is the manager's own, without a bus daemon. */
  direct: boolean;
  /** The user that it belongs to. */
  uid: number;
  /** The cgroup that contains its units, relative to the top of the tree. */
  cgroup: string;
}

/** A value with its D-Bus type. Numbers of 64 bits are in decimal digits. */
export type Variant =
  | { type: "s"; value: string }
  | { type: "b"; value: boolean }
  | { type: "i" | "u" | "x" | "t"; value: string }
  | { type: "au"; value: readonly number[] };

/** The name and value of a property of a unit. */
export type Property = [name: string, value: Variant];

/** What a volume is filled with: a directory of the root filesystem. */
export interface VolumeContent {
  /** The path inside the root filesystem. */
  place: string;
  /** The root filesystem: a directory, the layers of an image, or an image file. */
  root:
    | string
    | { layers: readonly string[]; empty: string; oneByOne: boolean }
    | { image: string; type: string };
  /** Whether the copy is made in a user namespace, as an ordinary user must. */
  inside: boolean;
  /** That user namespace. */
  namespace?: {
    uids: readonly IdMapping[];
    gids: readonly IdMapping[];
    helper: boolean;
    denySetgroups: boolean;
    path?: string;
  };
}

/** The fields of each kind, besides `why`, `man` and those of the undo. */
export type HostFields = {
  /** Writes how the other steps are taken back, before they are done. */
  recordUndos: {
    /** The container's own directory; absent: a file for this start only. */
    directory?: string;
    /** The container's name, which leads to it. */
    container?: string;
  };
  /** mkdir(2). */
  makeDirectory: {
    path: string;
    /** Absent: 0777. The umask applies, unless it is `exact`. */
    mode?: number;
    exact?: true;
    owner?: { uid: number | null; gid: number | null };
    /** It must not exist; absent: another start may have just made it. */
    exclusive?: true;
  };
  /** stat(2): uses an empty cgroup that exists already. */
  takeCgroup: { path: string };
  /** write(2) to an existing file. */
  writeHostFile: {
    path: string;
    value: string;
    /** Skip the step if the file does not exist. */
    optional?: true;
    instead?: { path: string; value: string };
  };
  /** write(2) of the value of the cpuset above, if this one is empty. */
  fillCpuset: { from: string; path: string };
  /** bpf(2): the devices that the processes in a v2 cgroup can open. */
  attachDevices: { path: string; rules: readonly DeviceRule[] };
  /** chown(2) of a v2 cgroup and the files that are for its user. */
  giveCgroup: { path: string; uid: number };
  /** StartTransientUnit of systemd, with a process that holds the unit. */
  startScope: {
    manager: Manager;
    unit: string;
    slice: string;
    /** The unit's cgroup. */
    path: string;
    /** A cgroup inside it for our own process, next to the command's. */
    own: string;
    properties: readonly Property[];
  };
  /** mknod(2) of a FIFO. */
  makeFifo: { path: string };
  /** write(2) of the first process to a file that takes a PID. */
  joinClass: { path: string };
  /** RTM_NEWLINK of rtnetlink(7): a device of the host to the first process. */
  moveDevice: { name: string; as: string };
  /** rename(2): records the default network, with its first container. */
  recordNetwork: { records: string; network: NetworkRecord };
  /** symlink(2): takes an address of a network for the container. */
  joinNetwork: {
    /** The directory of the records of networks. */
    records: string;
    network: NetworkRecord;
    member: NetworkMember;
    /** Absent: the next free one. */
    address?: string;
    /** Absent: one that belongs to the address, if the network has IPv6. */
    address6?: string;
    /** Absent: one that belongs to the address. */
    mac?: string;
  };
  /**
   * bind(2) and listen(2), by a process that keeps them: the ports of the host
   * that are to lead to the container. They are recorded with the numbers that
   * were chosen.
   */
  reservePorts: {
    /** The record. */
    path: string;
    container: string;
    /** The name of the container, or else its short ID. */
    name: string;
    ports: readonly AskedPort[];
    /** The process enters the container's network namespace later. */
    enters?: true;
  };
  /** nf_tables: the reserved ports in the maps of our table, to the address taken. */
  publishPorts: {
    path: string;
    records: string;
    network: NetworkRecord;
    container: string;
  };
  /**
   * sendmsg(2) of a pidfd: the process that holds the ports serves loopback and
   * IPv6 until the first process has ended.
   */
  startRelay: { path: string };
  /** RTM_NEWLINK and RTM_NEWADDR of rtnetlink(7): a bridge, unless it is there. */
  makeBridge: { network: NetworkRecord };
  /** nf_tables: a network in the sets of our table, which is made if missing. */
  filterNetwork: { records: string; network: NetworkRecord };
  /** write(2) to ip_forward, ip(7), unless it is set. */
  allowForwarding: {
    records: string;
    note: string;
    /** Also for IPv6. */
    ipv6?: true;
  };
  /**
   * open(2) and write(2): /etc/hosts of a container, with its own names and those
   * of the containers in the same networks.
   */
  makeHosts: {
    records: string;
    path: string;
    container: string;
    /** Its hostname, with and without its domain. */
    names: readonly string[];
    /** The lines that do not depend on networks. */
    text: string;
    /** The IDs of its networks. */
    networks: readonly string[];
    /** Those of them whose containers find each other by name. */
    named: readonly string[];
  };
  /**
   * socket(2) in the container's network namespace, SCM_RIGHTS: the resolver,
   * which is started with its first container, answers its queries.
   */
  startResolver: {
    /** The resolver's directory. */
    directory: string;
    records: string;
    container: string;
    /** The networks whose containers it names. */
    networks: readonly Pick<NetworkRecord, "id" | "name">[];
    /** The servers of other names; absent for those that it asks already. */
    servers?: readonly string[];
    /** Whether they are asked: a container of internal networks knows no others. */
    forwards: boolean;
  };
  /**
   * RTM_NEWLINK, RTM_NEWADDR and RTM_NEWROUTE: a pair of devices between a bridge
   * and the first process, with the address that was taken.
   */
  attachLink: {
    records: string;
    network: NetworkRecord;
    container: string;
    /** The name of the device inside. */
    device: string;
    /** Whether it gets the default route. */
    isWayOut: boolean;
  };
  /**
   * write(2): the networks of a container that runs change in its /etc/hosts, and
   * its names in those of the others.
   */
  changeHosts: HostsChange & { records: string };
  /**
   * RTM_DELLINK and RTM_NEWROUTE: the device of a container in a network, and
   * another default route if that was the way out.
   */
  detachLink: {
    records: string;
    network: NetworkRecord;
    container: string;
    /** The address of the next way out; null if there is none. */
    gateway: string | null;
    /** The same for IPv6. */
    gateway6?: string;
  };
  /**
   * execve(2): a program that carries what the first process's network namespace
   * sends, by sockets of the user.
   */
  startWayOut: { wayOut: WayOut };
  /** open(2) O_EXCL and write(2): the ID of the container. */
  writeIdFile: { path: string; id: string };
  /** rename(2) or write(2): the space for the exit status, in PATH.new. */
  reserveEnd: { path: string };
  /**
   * open(2) O_EXCL: an empty file for a profile that is known at the end. A file
   * that exists is kept until then.
   */
  reserveProfile: { path: string };
  /** write(2) and rename(2): the PID of the first process. */
  writePidFile: { path: string };
  /** pipe2(2): replaces standard streams by a pipe that the parent fills or empties. */
  relayStream: { descriptors: readonly number[]; input: boolean };
  /**
   * flock(2) and mkdir(2): the directory in the store of images for what a
   * container changes, with a list of what it uses there. It is kept if it
   * exists.
   */
  keepChanges: {
    directory: string;
    /** The file whose lock is held around changes of the store. */
    lock: string;
    /** The directories of the image's layers, the top first. */
    layers: readonly string[];
    blobs: readonly string[];
    chains: readonly string[];
    /** What of the image is not here yet, in an explanation. */
    missing?: { image: string; what: string };
    /** The container's record, if it has one. */
    record?: string;
    /** A user's store: the IDs of its files. */
    owners?: OwnerMaps;
    /** The names of the volumes that it uses. */
    volumes?: readonly string[];
    /** The top layers of further images, which are mounted. */
    mounted?: readonly string[];
    /** An empty directory to make, for overlays of one layer. */
    empty?: string;
  };
  /**
   * flock(2) and mkdir(2): the list of what a container without changes in the
   * store uses there. It is kept if it exists.
   */
  keepUses: {
    directory: string;
    lock: string;
    blobs: readonly string[];
    chains: readonly string[];
    record?: string;
    volumes: readonly string[];
    /** The top layers of images that are mounted. */
    mounted?: readonly string[];
    empty?: string;
    /** What of these images is not here yet, in an explanation. */
    missing?: { image: string; what: string };
  };
  /**
   * flock(2), mkdir(2) and cp(1): a volume of the store. It is made if it does
   * not exist, and filled if it is empty.
   */
  makeVolume: {
    directory: string;
    /** The file whose lock is held around changes of the store. */
    lock: string;
    /** What is recorded of a new volume. */
    labels: Readonly<Record<string, string>>;
    options: Readonly<Record<string, string>>;
    anonymous: boolean;
    /** The directory of the host that it shows instead of its own. */
    device?: string;
    /** What an empty volume is filled with; null for nothing. */
    content: VolumeContent | null;
  };
  /** Writing /proc/PID/uid_map and gid_map, or newuidmap(1) and newgidmap(1). */
  mapIds: {
    uids: readonly IdMapping[];
    gids: readonly IdMapping[];
    helper: boolean;
    denySetgroups: boolean;
  };
  /**
   * open_tree(2) and mount_setattr(2) MOUNT_ATTR_IDMAP: a mount with mapped
   * ids, handed to PID 1 as a descriptor.
   */
  mapMount: {
    source: string;
    recursive: boolean;
    /** Whether the mounts below it are mapped as well. */
    mapsBelow: boolean;
    /** Whether it receives the host's later mounts; it never sends mounts to the host. */
    propagation: Propagation;
    uids: readonly IdMapping[];
    gids: readonly IdMapping[];
    descriptor: number;
  };
  /**
   * ioctl(2) LOOP_CONFIGURE, fsopen(2), fsmount(2): the file system in an image
   * file, handed to PID 1 as a descriptor.
   */
  mountImage: {
    image: string;
    type: string;
    readonly: boolean;
    descriptor: number;
  };
  /**
   * fsopen(2): a tmpfs with a copy of the directory that it will cover, handed
   * to PID 1 as a descriptor.
   */
  copyUp: {
    /** The path of the root filesystem on the host. */
    root: string;
    /** The path of the directory inside the root filesystem. */
    place: string;
    options: readonly string[];
    attributes: readonly MountAttribute[];
    /**
     * Whether it is made in a user namespace, since the caller may not mount
     * elsewhere.
     */
    inside: boolean;
    /** The container's user namespace. */
    namespace?: {
      uids: readonly IdMapping[];
      gids: readonly IdMapping[];
      helper: boolean;
      denySetgroups: boolean;
      /** The path of an existing namespace, whose ids are already mapped. */
      path?: string;
    };
    descriptor: number;
  };
};

/** The fields of each kind, besides `why` and `man`. */
export type HostKinds = {
  [K in keyof HostFields]: HostFields[K] & Undoable;
};

/** The name of a kind of host step. */
export type HostKind = keyof HostKinds;

/** The kinds that are carried out when the first process exists. */
export const WITH_PROCESS: ReadonlySet<string> = new Set<HostKind>([
  "mapIds",
  "joinClass",
  "moveDevice",
  "startResolver",
  "attachLink",
  "startRelay",
  "detachLink",
  "startWayOut",
  "writePidFile",
]);
