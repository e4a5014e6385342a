/** Mends what somebody else has broken in networks. */

import { networksDirectory } from "./open.ts";
import { resolverIn } from "../../containers/decide/networks/join_networks.ts";

/**
 * Starts the resolver again if it was killed. A command that shows or enters
 * containers does this; if it fails, `run` reports why. Usually it costs an
 * attempt to read a directory.
 */
export async function mendNetworks(): Promise<void> {
  if (Deno.uid() !== 0) return;
  const directory = resolverIn(networksDirectory());
  try {
    const path = `${directory}/containers`;
    const { done } = await Deno.readDir(path)[Symbol.asyncIterator]().next();
    if (done) return;
    const { mendResolver } = await import(
      "../../launch/host/names/resolver.ts"
    );
    mendResolver(directory);
  } catch {
    // No container has a resolver, or it cannot be started now.
  }
}
