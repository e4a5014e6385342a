/**
 * The way out of a user's container that is alone in its network namespace:
 * which program it is, and the step that starts it. Only reads and decides.
 */

import { WAYS_OUT } from "../../../plan/way_out.ts";
import type { WayOut } from "../../../plan/network.ts";
import type { PortOptions } from "../../../plan/ports.ts";
import type { HostStep } from "../../../plan/step.ts";
import { SpecError } from "../../../spec/errors.ts";
import type { World } from "../../world/world.ts";
import { orNull } from "../requester.ts";
import { relayedPortSteps } from "./publish_ports.ts";

/** A program, and the directory of everything about networks. */
export type WayOutChoice = Pick<WayOut, "program" | "path"> & {
  directory: string;
};

/** Where programs are that a user's PATH may leave out. */
const USUAL = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];
const TUN = "/dev/net/tun";

/** The first of these programs that is installed; null if none is. */
export function findWayOut(
  world: World,
  programs: readonly WayOut["program"][] = WAYS_OUT,
): Pick<WayOut, "program" | "path"> | null {
  const directories = [
    ...(world.variable("PATH") ?? "").split(":").filter((path) =>
      path.startsWith("/")
    ),
    ...USUAL,
  ];
  for (const program of programs) {
    for (const directory of new Set(directories)) {
      const path = `${directory}/${program}`;
      const info = orNull(() => world.stat(path));
      if (info?.type === "file" && info.mode & 0o111) return { program, path };
    }
  }
  return null;
}

/**
 * The program for `--network pasta` or `--network slirp4netns`. Instead of
 * pasta, slirp4netns is taken where only that is installed.
 *
 * @param word what was asked for
 * @throws {SpecError} if it cannot be used
 */
export function requireWayOut(
  world: World,
  word: WayOut["program"],
): Pick<WayOut, "program" | "path"> {
  const found = findWayOut(world, word === "pasta" ? WAYS_OUT : [word]);
  if (!found) {
    throw new SpecError(
      word === "pasta"
        ? "Cannot use the network pasta: neither pasta nor slirp4netns is installed"
        : `Cannot use the network ${word}: the program is not installed`,
      {
        hint: `Install ${
          word === "pasta" ? "passt" : word
        } (apt install, dnf install). Or use --network none or host.`,
      },
    );
  }
  if (!orNull(() => world.access(TUN, "write"))) {
    throw new SpecError(
      `Cannot use the network ${word}: ${TUN} cannot be opened`,
      {
        hint:
          `Load the module tun, and let users open it (chmod 0666 ${TUN}, as it is by default). Or use --network none or host.`,
      },
    );
  }
  return found;
}

/**
 * The way out of a container whose command line names no network; null if there
 * is none on this machine.
 */
export const usualWayOut = (world: World): WayOut["program"] | null =>
  hasDefaultRoute(world) && orNull(() => world.access(TUN, "write"))
    ? findWayOut(world)?.program ?? null
    : null;

/** Whether the machine reaches others: a route to 0.0.0.0/0, proc_net(5). */
const hasDefaultRoute = (world: World) =>
  (orNull(() => world.readText("/proc/net/route")) ?? "").split("\n").some(
    (line) => /^\S+\t0{8}\t.*\t0{8}\t\d+\t\d+\t\d+/.test(line),
  );

/** The steps that start it, and publish ports. */
export function wayOutSteps(
  { program, path, directory }: WayOutChoice,
  { id, name, ports }: { id: string; name: string; ports?: PortOptions },
): HostStep[] {
  const mark = `${directory}/ways/${id}`;
  const { first, last } = relayedPortSteps(ports, { directory, id, name });
  return [
    ...first,
    {
      step: "startWayOut",
      wayOut: { program, path, mark },
      why:
        "only root can connect a network namespace with the host's network; the program sends what the container sends, by sockets of its own",
      man: `${program}(1)`,
      undo: [{ undo: "endWayOut", mark }],
    },
    ...last,
  ];
}
