/**
 * Layers as no build tool should write them, and some that old or careless ones
 * do. Each has the tree that must come out of it, or the refusal.
 */

import { ODD_ARCHIVES } from "./_archives.ts";
import { ODD_DELETIONS } from "./_deletions.ts";
import { ODD_LIMITS } from "./_limits.ts";
import { ODD_TREES } from "./_trees.ts";
import type { OddLayer } from "./_layer.ts";

/** All of them. */
export const ODD_LAYERS: readonly OddLayer[] = [
  ...ODD_ARCHIVES,
  ...ODD_TREES,
  ...ODD_DELETIONS,
  ...ODD_LIMITS,
];
