/**
 * What others' rules do with packets that the host passes on. Only reads. Runs
 * on the host.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { Netlink } from "../netlink/socket.ts";
import { getChains, parseChain } from "../nf_tables/chains.ts";

/** Who drops packets between networks. */
export interface ForwardPolicy {
  /** The table and the chain, for example `ip filter FORWARD`. */
  chain: string;
  /** The program that manages the chain. */
  by: "docker" | "firewalld" | "ufw" | "iptables" | "nft";
}

/**
 * The chains that drop what they do not know; null if they cannot be read,
 * which takes CAP_NET_ADMIN.
 *
 * @param legacy the rules of an iptables that does not use nf_tables, as
 * `iptables -S` prints them; null if there are none
 */
export function forwardPolicies(legacy: string | null): ForwardPolicy[] | null {
  try {
    using netlink = new Netlink("netfilter");
    const { type, front } = getChains();
    const chains = netlink.list(type, front).map(parseChain);
    const has = (name: string) =>
      chains.some((chain) => chain.name === name) ||
      legacy !== null && legacy.includes(`-N ${name}`);
    const by = (name: string): ForwardPolicy["by"] =>
      has("DOCKER-USER")
        ? "docker"
        : has("ufw-before-forward")
        ? "ufw"
        : name === "FORWARD"
        ? "iptables"
        : "nft";
    return [
      ...chains.filter(({ forwards, policy, name, table }) =>
        forwards &&
        (policy === "drop" || table === "firewalld" && /^filter_/.test(name))
      ).map(({ family, table, name }): ForwardPolicy => ({
        chain: `${family} ${table} ${name}`,
        by: table === "firewalld" ? "firewalld" : by(name),
      })),
      ...legacy && /^-P FORWARD DROP$/m.test(legacy)
        ? [{ chain: "FORWARD of iptables-legacy", by: by("FORWARD") }]
        : [],
    ];
  } catch (error) {
    if (error instanceof SyscallError) return null;
    throw error;
  }
}
