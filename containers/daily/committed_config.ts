/**
 * The configuration of an image that is made of a container: that of its own
 * image, with what `run` has changed. Only reads. Runs on the host, in the
 * command's process.
 */

import {
  type RawConfig,
  setVariable,
  variablesIn,
} from "../../images/spec/container_config.ts";
import { readBlob } from "../../images/store/blobs.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import type { ContainerRecord } from "../store/store.ts";

/** What `stop` sends if an image does not say it. */
const DEFAULT_SIGNAL = "SIGTERM";

const signalName = (wanted: number): string =>
  Object.entries(SIGNAL).find(([, number]) => number === wanted)?.[0] ??
    String(wanted);

/**
 * The configuration for the new image.
 *
 * @param config the digest of the configuration of its image
 * @throws {ContainerError} if that is damaged
 */
export function configOf(
  { daily }: ContainerRecord,
  store: string,
  config: string,
): RawConfig {
  const text = new TextDecoder().decode(readBlob(store, config));
  const made: RawConfig = JSON.parse(text).config ?? {};
  if (!daily) return made;
  const { options, labels, stopSignal } = daily;
  const { command, env = {}, user, workdir } = options;
  const before = variablesIn(made);
  for (const [name, value] of Object.entries(env)) {
    if (before.get(name) !== value) setVariable(made, name, value);
  }
  Object.assign(made, commandIn(made, command ?? [], daily.image?.entrypoint));
  if (user !== undefined && user !== "") made.User = user;
  if (workdir !== undefined && (workdir !== "/" || made.WorkingDir)) {
    made.WorkingDir = workdir;
  }
  if (Object.keys(labels).length) made.Labels = { ...made.Labels, ...labels };
  const signal = signalName(stopSignal);
  if (signal !== (made.StopSignal || DEFAULT_SIGNAL)) made.StopSignal = signal;
  return made;
}

/**
 * Divides the command: its first words are the image's entrypoint, or that of
 * `--entrypoint`.
 */
function commandIn(
  { Entrypoint }: RawConfig,
  command: readonly string[],
  given?: number,
): Pick<RawConfig, "Entrypoint" | "Cmd"> {
  const count = given ?? Entrypoint?.length ?? 0;
  const rest = command.slice(count);
  return {
    ...given === undefined
      ? {}
      : { Entrypoint: given ? command.slice(0, given) : null },
    Cmd: rest.length ? rest : null,
  };
}
