/**
 * The configuration of a container in an image, as its JSON has it. Members that
 * this program does not know are kept. Pure.
 */

import type { HealthCheck } from "./image_config.ts";

/** The member `config` of an image's configuration. */
export interface RawConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: HealthCheck;
  Shell?: string[];
  OnBuild?: string[];
  [other: string]: unknown;
}

/** The variables by name. A name without a value has none. */
export const variablesIn = ({ Env }: RawConfig): Map<string, string> =>
  new Map(
    (Env ?? []).flatMap((text): [string, string][] => {
      const at = text.indexOf("=");
      return at > 0 ? [[text.slice(0, at), text.slice(at + 1)]] : [];
    }),
  );

/** Sets a variable in its place, or adds it. */
export function setVariable(
  config: RawConfig,
  name: string,
  value: string,
): void {
  const all = config.Env ??= [];
  const at = all.findIndex((text) => text.startsWith(`${name}=`));
  if (at < 0) all.push(`${name}=${value}`);
  else all[at] = `${name}=${value}`;
}
