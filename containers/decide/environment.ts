/** The environment of a command that `run` starts, or `exec` beside it. */

import { DEFAULT_HOSTNAME, DEFAULT_PATH } from "../../spec/defaults.ts";
import type { ContainerOptions } from "./options.ts";

/** What of a container's options it is made of. */
export type EnvironmentOptions = Pick<
  ContainerOptions,
  "env" | "hostEnv" | "hostname" | "namespaces"
>;

/**
 * `K=V`, each. Clean by default: nothing of the host's environment comes along
 * unasked.
 *
 * @param user whose home it names
 * @param terminal the command has one
 */
export function environment(
  { env = {}, hostEnv, hostname, namespaces }: EnvironmentOptions,
  user: { home: string },
  terminal: boolean,
): string[] {
  const all = hostEnv ? { ...Deno.env.toObject(), ...env } : {
    PATH: DEFAULT_PATH,
    HOME: user.home,
    HOSTNAME: hostname ??
      (namespaces?.uts === "host" ? Deno.hostname() : DEFAULT_HOSTNAME),
    ...(terminal ? { TERM: Deno.env.get("TERM") || "xterm" } : {}),
    ...env,
  };
  return Object.entries(all).map(([key, value]) => `${key}=${value}`);
}
