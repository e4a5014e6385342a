/**
 * A view of an image's layers from the host, to find out why a command cannot be
 * executed. Runs on the host, in the parent, after a failure.
 */

import { follow } from "../../images/layers/layered_file.ts";
import { MergedTree } from "../../images/layers/merged_tree.ts";
import { shown } from "../../images/tar/byte_string.ts";
import { type View, viewBy } from "../../launch/diagnose.ts";

/**
 * Looks at the layers, the top first. They are opened on demand.
 *
 * @param held closes what the view has opened
 */
export function viewOfLayers(
  layers: readonly string[],
  held: DisposableStack,
): View {
  let tree: MergedTree | undefined;
  return viewBy((path) => {
    tree ??= held.use(new MergedTree(layers));
    const found = follow(tree, path);
    if (found === null || found === "broken link") return null;
    held.use(found);
    return `/proc/self/fd/${found.directory}/${shown(found.name)}`;
  });
}
