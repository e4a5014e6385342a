/**
 * Merges the configuration of an image into what the user has asked for, before
 * anything is decided. What the user says wins. Pure.
 */

import type { ContainerConfig } from "../../../images/spec/image_config.ts";
import { UsageError } from "../../../spec/errors.ts";
import type { ContainerOptions } from "../options.ts";

/** What the user says about the command. */
export interface AskedCommand {
  /** The words of `--entrypoint`; none for an empty one, undefined without. */
  entrypoint?: readonly string[];
  /** The words after the image. */
  words: readonly string[];
}

/**
 * The command of a container of an image, as docker has it: an entrypoint of the
 * user's also replaces the image's words.
 *
 * @throws {UsageError} if there is none
 */
export function commandOf(
  name: string,
  { Entrypoint = [], Cmd = [] }: ContainerConfig,
  { entrypoint, words }: AskedCommand,
): string[] {
  const rest = words.length || entrypoint ? words : Cmd;
  const command = [...entrypoint ?? Entrypoint, ...rest];
  if (command[0]) return command;
  throw new UsageError(
    `The image ${name} names no command`,
    `Give one: container run ${name} COMMAND.`,
  );
}

/** The variables of an image. A name without a value is left out. */
function variablesOf({ Env = [] }: ContainerConfig): Record<string, string> {
  return Object.fromEntries(
    Env.flatMap((text) => {
      const at = text.indexOf("=");
      return at > 0 ? [[text.slice(0, at), text.slice(at + 1)]] : [];
    }),
  );
}

/**
 * The options with what the image says.
 *
 * @param asked.workdir the user has chosen a working directory
 */
export function withImageConfig(
  options: ContainerOptions,
  config: ContainerConfig,
  { workdir }: { workdir: boolean },
): ContainerOptions {
  const { WorkingDir, User } = config;
  return {
    ...options,
    env: { ...variablesOf(config), ...options.env },
    ...(!workdir && WorkingDir
      ? { workdir: `/${WorkingDir.replace(/^\/+/, "")}` }
      : {}),
    user: options.user ?? (User || undefined),
  };
}

/**
 * The labels and the signal of an image, as flags before those of the user,
 * which win.
 */
export const imageFlags = (
  { Labels = {}, StopSignal }: ContainerConfig,
): [name: string, value: string][] => [
  ...Object.entries(Labels).filter(([key]) => /^[^=]+$/.test(key))
    .map(([key, value]): [string, string] => ["label", `${key}=${value}`]),
  ...(StopSignal ? [["stop-signal", StopSignal] as [string, string]] : []),
];
