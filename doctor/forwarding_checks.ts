/**
 * Checks of what the host does with packets between the networks of containers
 * and others. Pure.
 */

import type { ForwardPolicy } from "../network/kernel/forward_policy.ts";
import { type Check, check, listed } from "./check.ts";
import type { Facts } from "./facts.ts";

/** How to let packets of containers through, by who drops them. */
const CURES: Readonly<Record<ForwardPolicy["by"], string>> = {
  docker:
    "sudo iptables -I DOCKER-USER -i container0 -j ACCEPT; sudo iptables -I DOCKER-USER -o container0 -j ACCEPT  # and so for each bridge",
  firewalld:
    "sudo firewall-cmd --permanent --zone=trusted --add-interface=container0 && sudo firewall-cmd --reload  # and so for each bridge",
  ufw: "sudo ufw default allow routed",
  iptables: "sudo iptables -P FORWARD ACCEPT  # or accept each bridge",
  nft: "allow the bridges (container0 and br-*) in that chain",
};

/** The check of forwarding; none if it cannot be read. */
export function forwardingChecks(
  { forwardPolicies, forwards }: Facts,
): Check[] {
  if (!forwardPolicies) return [];
  const [first] = forwardPolicies;
  return [
    check(
      "Networks",
      "forwarding",
      "Forwarding",
      first
        ? {
          status: "warning",
          found: `refused by ${
            listed(forwardPolicies.map(({ chain }) => chain))
          }${first.by === "nft" ? "" : ` (${first.by})`}`,
          means:
            "containers in networks may not reach other hosts, and published ports may not be reached from there",
          cure: CURES[first.by],
        }
        : {
          status: "ok",
          found: forwards ? "ip_forward is set" : "no rule refuses it",
          means: forwards
            ? "containers in networks reach other hosts"
            : "ip_forward is set with the first container in a network",
        },
    ),
  ];
}
