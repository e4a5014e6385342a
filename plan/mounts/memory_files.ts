/**
 * Files of the container that exist only in memory, such as /etc/hosts. Each is
 * made in a file system in memory and mounted over its name in the root
 * filesystem, which stays unchanged.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import { mountOptions } from "./options.ts";
import { mountName } from "./host_mounts.ts";
import type { Step } from "../step.ts";

/** The type of such a mount, whose source is the text. Unknown in config.json. */
export const MEMORY_FILE = "memory-file";

/** Whether a mount is a file in memory. */
export const isMemoryFile = ({ type }: Mount) => type === MEMORY_FILE;

/** Makes the files in a file system mounted at `stage`, and opens each as a mount. */
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
      why: `the text that ${entry.destination} will have inside`,
      man: "open(2), tmpfs(5)",
    }, {
      step: "openTree",
      name,
      source: path,
      recursive: false,
      why:
        `this mount will cover ${entry.destination} of the root filesystem, which stays unchanged`,
      man: "open_tree(2)",
    }, {
      step: "setMountAttributes",
      mount: { name },
      set: attributes,
      recursive: false,
      why: "set before any process inside can see the mount",
      man: "mount_setattr(2)",
    }];
  });
}
