/** Reads that are done once for each World. Runs where the World is read. */

import type { World } from "./world.ts";

/**
 * A read whose result stays the same as long as the process that asks: it is
 * done once for each World.
 */
export function onceIn<T>(read: (world: World) => T): (world: World) => T {
  const known = new WeakMap<World, { result: T }>();
  return (world) => {
    const found = known.get(world) ?? { result: read(world) };
    known.set(world, found);
    return found.result;
  };
}
