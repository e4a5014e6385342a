/**
 * Files of the container that no disk holds: /etc/hosts and its like. Each is
 * a file of a file system in memory, mounted by itself over its name in the
 * root filesystem, which stays as it is.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import { mountOptions } from "./options.ts";
import { mountName } from "./host_mounts.ts";
import type { Step } from "../step.ts";

/** The type of such a mount; its source is the text. config.json has none. */
export const MEMORY_FILE = "memory-file";

/** Whether a mount is a file in memory. */
export const isMemoryFile = ({ type }: Mount) => type === MEMORY_FILE;

/** Makes the files on a file system at `stage`, and opens each as a mount. */
export function stageFiles(spec: Spec, stage: string): Step[] {
  return (spec.mounts ?? []).flatMap((entry, index): Step[] => {
    if (!isMemoryFile(entry)) return [];
    const path = `${stage}/${index}${entry.destination.replaceAll("/", "-")}`;
    const name = mountName(index);
    const { attributes } = mountOptions(entry.options ?? []);
    return [{
      step: "makeFile",
      path,
      text: entry.source ?? "",
      mode: 0o644,
      why: `what ${entry.destination} will say inside`,
      man: "open(2), tmpfs(5)",
    }, {
      step: "openTree",
      name,
      source: path,
      recursive: false,
      why:
        `a mount of its own: ${entry.destination} of the root filesystem is covered and not written to`,
      man: "open_tree(2)",
    }, {
      step: "setMountAttributes",
      mount: { name },
      set: attributes,
      recursive: false,
      why: "set before anyone inside can see it",
      man: "mount_setattr(2)",
    }];
  });
}
