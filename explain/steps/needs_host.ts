/** What the kernel demands for the steps of the host phase. Pure data. */

import type { HostKind } from "../../plan/host_kinds.ts";
import type { IdMapping } from "../../spec/types.ts";
import type { Asked, Capability, Entry } from "./needs_entry.ts";

const initial = (name: Capability): Asked[] => [{ name, in: "initial" }];
const feature = (version: string, what: string) => () => [{ version, what }];

const IN_DIRECTORY = "write access to the directory";

const withMissing = (missing?: { image: string; what: string }) =>
  [
    "write access to the store of images",
    ...missing
      ? [
        `${missing.what} of ${missing.image}, which \`container pull\` fetches`,
      ]
      : [],
  ].join("; ");

/** Any user may bind ports from here on, ip(7). */
const FREE_PORTS = 1024;

const IN_RECORDS = "write access to the records of networks";
const netAdmin: () => Asked[] = () => [{ name: "CAP_NET_ADMIN", in: "host" }];

/** For writing uid_map and gid_map, user_namespaces(7). */
const mapping = ({ uids }: { uids: readonly IdMapping[] }): Asked[] => [
  { name: "CAP_SETUID", in: "host" },
  { name: "CAP_SETGID", in: "host" },
  // Since Linux 5.12, if the host's root is mapped.
  ...(uids.some(({ hostID }) => hostID === 0)
    ? [{ name: "CAP_SETFCAP", in: "host" } as const]
    : []),
];

/** The needs by kind of step. */
export const HOST_NEEDS: { readonly [K in HostKind]: Entry<K> } = {
  recordUndos: { access: IN_DIRECTORY },
  makeDirectory: {
    capabilities: ({ owner }) =>
      owner ? [{ name: "CAP_CHOWN", in: "host" }] : [],
    access: "write access to the directory above",
  },
  takeCgroup: {},
  writeHostFile: { access: "write access to the file" },
  fillCpuset: { access: "write access to the file" },
  attachDevices: {
    capabilities: initial("CAP_SYS_ADMIN"),
    features: feature("4.15", "BPF_PROG_TYPE_CGROUP_DEVICE"),
  },
  giveCgroup: { capabilities: [{ name: "CAP_CHOWN", in: "host" }] },
  startScope: { access: "permission by systemd to start a unit" },
  keepChanges: {
    capabilities: [{ name: "CAP_CHOWN", in: "host" }],
    access: ({ missing }) => withMissing(missing),
  },
  keepUses: { access: ({ missing }) => withMissing(missing) },
  makeVolume: {
    capabilities: ({ content }) =>
      content && !content.inside
        ? [...initial("CAP_SYS_ADMIN"), { name: "CAP_CHOWN", in: "host" }]
        : [],
    access: "write access to the store of images",
  },
  makeFifo: { access: IN_DIRECTORY },
  joinClass: { access: "write access to the file" },
  moveDevice: { capabilities: netAdmin },
  recordNetwork: { access: IN_RECORDS },
  joinNetwork: { access: IN_RECORDS },
  makeBridge: { capabilities: netAdmin },
  filterNetwork: {
    capabilities: netAdmin,
    features: feature("5.6", "nf_tables with nat and concatenations"),
  },
  allowForwarding: { access: "write access to the file" },
  makeHosts: { access: IN_RECORDS },
  startResolver: {
    capabilities: netAdmin,
    access: "write access to the resolver's directory",
  },
  attachLink: { capabilities: netAdmin },
  reservePorts: {
    capabilities: ({ ports }) =>
      ports.some(({ host: [first] }) => first > 0 && first < FREE_PORTS)
        ? initial("CAP_NET_BIND_SERVICE")
        : [],
    access: IN_RECORDS,
  },
  publishPorts: { capabilities: netAdmin, access: IN_RECORDS },
  startRelay: { features: feature("5.3", "pidfd_open") },
  changeHosts: { access: IN_RECORDS },
  detachLink: { capabilities: netAdmin },
  startWayOut: { access: "/dev/net/tun, and pasta or slirp4netns" },
  writeIdFile: { access: IN_DIRECTORY },
  reserveEnd: { access: IN_DIRECTORY },
  reserveProfile: { access: IN_DIRECTORY },
  writePidFile: { access: IN_DIRECTORY },
  relayStream: { features: feature("2.6.35", "F_SETPIPE_SZ") },
  mapIds: {
    capabilities: ({ helper, denySetgroups, ...ids }) =>
      helper || denySetgroups ? [] : mapping(ids),
    features: feature("3.8", "user namespaces"),
  },
  mapMount: {
    // The mapping is made from a user namespace, and the parent writes its id
    // maps.
    capabilities: (ids) => [...initial("CAP_SYS_ADMIN"), ...mapping(ids)],
    features: feature("5.12", "idmapped mounts"),
  },
  mountImage: {
    capabilities: initial("CAP_SYS_ADMIN"),
    access: "permission to open the image and the loop devices",
    features: feature("5.8", "LOOP_CONFIGURE"),
  },
  copyUp: {
    capabilities: ({ namespace }) => namespace ? [] : initial("CAP_SYS_ADMIN"),
  },
};
