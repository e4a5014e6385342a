/** The network of a container whose command line names none. */

import { capabilitiesIn } from "../../containers/decide/caller.ts";
import { usualWayOut } from "../../containers/decide/networks/way_out.ts";
import type { Requester } from "../../containers/decide/requester.ts";
import { DEFAULT_NETWORK } from "../../network/records/record.ts";
import { UsageError } from "../../spec/errors.ts";
import { Flags } from "../flags.ts";
import { isNetworkWord } from "../run_options.ts";

/** The variable that sets the network of all containers. */
export const NETWORK_VARIABLE = "CONTAINER_NETWORK";

/**
 * The flags with the value of `CONTAINER_NETWORK`, unless they name a network.
 *
 * @throws {UsageError} for a value that `--network` does not take
 */
export function withNetworkVariable(
  flags: Flags,
  { world }: Requester,
): Flags {
  if (flags.last("network") !== undefined) return flags;
  const word = world.variable(NETWORK_VARIABLE);
  if (!word) return flags;
  if (!isNetworkWord(word)) {
    throw new UsageError(
      `${NETWORK_VARIABLE}=${word}: not a network`,
      "Set it to none, host, bridge or the name of a network, or unset it.",
    );
  }
  return withNetwork(flags, word);
}

/**
 * The flags of a container of an image: as root it is in the default network,
 * as with docker, and a user's has pasta or slirp4netns, as with podman. Root
 * without the right to make devices has none.
 */
export function withImageNetwork(flags: Flags, requester: Requester): Flags {
  const { caller, world } = requester;
  const { effective } = world.capabilities();
  const can = caller.uid === 0 && caller.privileged && !caller.nested &&
    capabilitiesIn(effective).has("CAP_NET_ADMIN");
  if (flags.last("network") !== undefined) return flags;
  if (can) return withNetwork(flags, DEFAULT_NETWORK);
  const program = caller.uid === 0 || caller.nested ? null : usualWayOut(world);
  return program === null ? flags : withNetwork(flags, program);
}

const withNetwork = (flags: Flags, word: string): Flags =>
  new Flags([["network", word], ...flags.given], flags.rest);
