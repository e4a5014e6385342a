/**
 * The environment of a command that `run` or `exec` starts. Only reads and
 * decides; changes nothing. Runs on the host.
 */

import { DEFAULT_HOSTNAME, DEFAULT_PATH } from "../../spec/defaults.ts";
import type { World } from "../world/world.ts";
import type { ContainerOptions } from "./options.ts";

/** The options that decide the environment. */
export type EnvironmentOptions = Pick<
  ContainerOptions,
  "env" | "hostEnv" | "hostname" | "namespaces"
>;

/**
 * The environment as `K=V` strings. Nothing of the host's environment is passed
 * unless the user asks for it.
 *
 * @param user the user of the command, for HOME
 * @param terminal whether the command has a terminal
 */
export function environment(
  { env = {}, hostEnv, hostname, namespaces }: EnvironmentOptions,
  user: { home: string },
  terminal: boolean,
  world: Pick<World, "environment" | "variable" | "hostname">,
): string[] {
  const all = hostEnv ? { ...world.environment(), ...env } : {
    PATH: DEFAULT_PATH,
    HOME: user.home,
    HOSTNAME: hostname ??
      (namespaces?.uts === "host" ? world.hostname() : DEFAULT_HOSTNAME),
    ...(terminal ? { TERM: world.variable("TERM") || "xterm" } : {}),
    ...env,
  };
  return Object.entries(all).map(([key, value]) => `${key}=${value}`);
}
