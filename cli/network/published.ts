/** The ports that `--publish`, `--publish-all` and `--expose` ask for. */

import type { ContainerOptions } from "../../containers/decide/options.ts";
import {
  parseExpose,
  parsePublish,
  refuseTwice,
  withAll,
} from "../../network/ports/port_words.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";

/** Whether the flags publish ports, which needs a network. */
export const publishes = (flags: Flags): boolean =>
  flags.last("publish") !== undefined || flags.has("publish-all");

/**
 * The ports that flags publish by number.
 *
 * @throws {UsageError} in docker's words
 */
export function publishedBy(flags: Flags) {
  const ports = flags.all("publish").flatMap(parsePublish);
  refuseTwice(ports);
  return ports;
}

/**
 * Adds the ports that the flags and the image name.
 *
 * @param image the ports that the image says it uses
 * @throws {UsageError} in docker's words
 */
export function withPorts(
  options: ContainerOptions,
  flags: Flags,
  image: readonly string[] = [],
): ContainerOptions {
  const given = publishedBy(flags);
  const exposed = [
    ...new Set([
      ...image.flatMap(ofImage),
      ...flags.all("expose").flatMap((text) => parseExpose(text)),
    ]),
  ];
  if (!given.length && !exposed.length) return options;
  const published = flags.has("publish-all") ? withAll(given, exposed) : given;
  return { ...options, ports: { published, exposed } };
}

/** Nobody here can correct an image: what is no port is left out. */
function ofImage(text: string): string[] {
  try {
    return parseExpose(text);
  } catch (error) {
    if (error instanceof UsageError) return [];
    throw error;
  }
}
