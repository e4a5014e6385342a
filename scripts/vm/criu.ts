/**
 * criu in the virtual machine: this system's own, with the libraries it needs
 * and the programs that it starts.
 *
 * @module
 */

import type { Entry } from "./entries.ts";
import { asHere, exists, withLibraries } from "./host.ts";

/** Programs by their path in the guest: before busybox's of the same name. */
const PROGRAMS: Record<string, string> = {
  "/usr/local/bin/criu": "/usr/sbin/criu",
  // Routes and addresses of a network namespace.
  "/usr/local/bin/ip": "/usr/sbin/ip",
  // Its filter, which is also how criu keeps packets out meanwhile.
  "/usr/local/bin/iptables-save": "/usr/sbin/iptables-save",
  "/usr/local/bin/iptables-restore": "/usr/sbin/iptables-restore",
  "/usr/local/bin/ip6tables-save": "/usr/sbin/ip6tables-save",
  "/usr/local/bin/ip6tables-restore": "/usr/sbin/ip6tables-restore",
  // What is in a tmpfs.
  "/usr/local/bin/tar": "/usr/bin/tar",
};

/** What iptables loads for the rule that keeps packets out. */
const EXTENSIONS = ["libxt_mark.so", "libxt_standard.so"].map((name) =>
  `/usr/lib/x86_64-linux-gnu/xtables/${name}`
);

/** How criu asks for sockets, and what its rule for packets takes. */
export const CRIU_MODULES = [
  ...["unix_diag", "inet_diag", "tcp_diag", "udp_diag", "raw_diag"],
  ...["af_packet_diag", "netlink_diag", "nf_conntrack_netlink"],
  ...["nf_tables", "nft_compat", "xt_mark"],
];

/**
 * Files of this system, by their path in the guest; none where criu or what it
 * starts is not installed: the tests that need it say so there.
 */
export async function criuEntries(): Promise<Entry[]> {
  const all = [...Object.values(PROGRAMS), ...EXTENSIONS];
  if ((await Promise.all(all.map(exists))).includes(false)) return [];
  return [...asHere(EXTENSIONS), ...await withLibraries(PROGRAMS)];
}
