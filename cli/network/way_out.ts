/** `--network pasta` and `--network slirp4netns`: a way out of its own. */

import type { ContainerOptions } from "../../containers/decide/options.ts";
import type { Requester } from "../../containers/decide/requester.ts";
import { requireWayOut } from "../../containers/decide/networks/way_out.ts";
import { WAYS_OUT } from "../../plan/way_out.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { networksDirectory } from "./open.ts";
import { publishedBy } from "./published.ts";

const OF_NETWORKS = ["ip", "ip6", "mac-address", "network-alias"];

/**
 * Adds the way out.
 *
 * @throws {UsageError} for flags that contradict it, {SpecError} if it cannot be
 * used here
 */
export function withWayOut(
  options: ContainerOptions,
  word: string,
  { flags, requester: { caller, world } }: {
    flags: Flags;
    requester: Requester;
  },
): ContainerOptions {
  const program = WAYS_OUT.find((name) => name === word);
  if (!program) {
    throw new UsageError(
      `--network ${word}: options of ${
        word.replace(/:.*/s, "")
      } are not supported`,
      `Use --network ${word.replace(/:.*/s, "")}.`,
    );
  }
  if (caller.uid === 0) {
    throw new UsageError(
      `--network ${word}: this is the way out of ordinary users`,
      "As root use --network bridge, or the name of a network.",
    );
  }
  const flag = OF_NETWORKS.find((name) => flags.last(name) !== undefined);
  publishedBy(flags);
  if (flag !== undefined) {
    throw new UsageError(
      `--${flag} requires a network of your own, and ${word} is not one`,
      `Remove --${flag}, or run as root (sudo).`,
    );
  }
  return {
    ...options,
    wayOut: {
      ...requireWayOut(world, program),
      directory: networksDirectory(),
    },
  };
}
