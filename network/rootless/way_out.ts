/**
 * The programs that are the way out of a user's network namespaces: pasta(1),
 * else slirp4netns(1). They carry what its processes send by ordinary sockets of
 * the user. Pure.
 *
 * @module
 */

import type { WayOut } from "../../plan/network.ts";
import { DNS_ADDRESS } from "../../plan/way_out.ts";
export type { WayOut };

/** The device inside. */
export const WAY_OUT_DEVICE = "eth0";

/**
 * The largest packet. Between the kernel and the program it costs no more than a
 * small one.
 */
export const WAY_OUT_MTU = 65520;

/**
 * The words of the program. The mark is among them: a process is the right one
 * if its command line has it.
 *
 * @param pid a process in the namespace
 * @param ready the descriptor to which slirp4netns writes
 */
export function wayOutWords(
  { program, mark }: WayOut,
  { pid, ready }: { pid: number; ready: number },
): string[] {
  return program === "pasta"
    ? [
      ...["pasta", "--config-net", "--quiet", "--ipv4-only"],
      ...["--ns-ifname", WAY_OUT_DEVICE, "--mtu", String(WAY_OUT_MTU)],
      ...["--dns-forward", DNS_ADDRESS.pasta],
      // Nothing of the host's loopback is reached, and nothing is published.
      ...["--no-map-gw", "--tcp-ports", "none", "--udp-ports", "none"],
      ...["--tcp-ns", "none", "--udp-ns", "none", "--pid", mark],
      String(pid),
    ]
    // It has no option for a file, so its name has the mark.
    : [
      ...[`slirp4netns=${mark}`, "--configure", "--disable-host-loopback"],
      ...[`--mtu=${WAY_OUT_MTU}`, `--ready-fd=${ready}`],
      ...[String(pid), WAY_OUT_DEVICE],
    ];
}

/** Whether a command line, as /proc has it, is that of the program. */
export const isWayOut = (commandLine: string, mark: string): boolean =>
  commandLine.split("\0").some((word, index) =>
    word === mark || index === 0 && word === `slirp4netns=${mark}`
  );

/**
 * Why a program has ended at once, in the words of this project, with what to do.
 *
 * @param said what it wrote
 */
export function wayOutError(
  { program }: WayOut,
  said: string,
): { reason: string; hint: string } {
  if (/\/dev\/net\/tun|tuntap/.test(said)) {
    return {
      reason: "/dev/net/tun cannot be opened",
      hint:
        "Load the module tun, and let users open it: chmod 0666 /dev/net/tun. Or use --network none.",
    };
  }
  if (/routable interface|no interface/i.test(said)) {
    return {
      reason: "this machine has no default route",
      hint: "See ip route. Or use --network none or host.",
    };
  }
  return {
    reason: said || "it has ended at once",
    hint: `See ${program}(1). Or use --network none or host.`,
  };
}
