/**
 * criu in the virtual machine: that of the host, with its libraries and the
 * programs that it starts.
 *
 * @module
 */

import { librariesOf } from "./root.ts";

/** Programs by their path in the guest. They take precedence over busybox's. */
const PROGRAMS: Record<string, string> = {
  "/usr/local/bin/criu": "/usr/sbin/criu",
  // For routes and addresses of a network namespace.
  "/usr/local/bin/ip": "/usr/sbin/ip",
  // For its packet filter, which criu also uses to block packets meanwhile.
  "/usr/local/bin/iptables-save": "/usr/sbin/iptables-save",
  "/usr/local/bin/iptables-restore": "/usr/sbin/iptables-restore",
  "/usr/local/bin/ip6tables-save": "/usr/sbin/ip6tables-save",
  "/usr/local/bin/ip6tables-restore": "/usr/sbin/ip6tables-restore",
  // For the content of a tmpfs.
  "/usr/local/bin/tar": "/usr/bin/tar",
};

/** Extensions that iptables loads for the rule that blocks packets. */
const EXTENSIONS = ["libxt_mark.so", "libxt_standard.so"].map((name) =>
  `/usr/lib/x86_64-linux-gnu/xtables/${name}`
);

/** Modules for criu's queries about sockets, and for its packet rule. */
export const CRIU_MODULES = [
  ...["unix_diag", "inet_diag", "tcp_diag", "udp_diag", "raw_diag"],
  ...["af_packet_diag", "netlink_diag", "nf_conntrack_netlink"],
  ...["nf_tables", "nft_compat", "xt_mark"],
];

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/**
 * The host's files by their path in the guest; none if criu or a program it
 * needs is not installed. A test that needs criu then finds that it is missing.
 */
export async function criuFiles(): Promise<Record<string, string>> {
  const all = [...Object.values(PROGRAMS), ...EXTENSIONS];
  if ((await Promise.all(all.map(exists))).includes(false)) return {};
  const files: Record<string, string> = { ...PROGRAMS };
  for (const path of EXTENSIONS) files[path] = path;
  for (const program of new Set(Object.values(PROGRAMS))) {
    for (const path of await librariesOf(program)) files[path] = path;
  }
  return files;
}
