/**
 * What `run` can make in a root filesystem in addition to mounts: directories,
 * links and small files. The steps belong to the container phase. Pure.
 */

import type { Mount } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import type { Step } from "../step.ts";

const ASKED = {
  why: "it was requested in the root filesystem",
  man: "mkdir(2)",
} as const;

/** What `run` can make in a root in addition to mounts; config.json cannot. */
export function makeEntry(
  { type, destination, source = "" }: Mount,
  places?: Facts["places"],
): Step[] | null {
  const path = places?.ends[destination] ?? destination;
  const directory = (path: string): Step => ({
    step: "makeMountpoint",
    path,
    kind: "directory",
    ...ASKED,
  });
  const above = path.replace(/\/[^/]*$/, "");
  switch (type) {
    case "directory":
      return [directory(path)];
    case "symlink":
      return [...(above ? [directory(above)] : []), {
        step: "makeSymlink",
        path,
        to: source,
        why: ASKED.why,
        man: "symlink(2)",
      }];
    case "file":
      return [{ step: "makeMountpoint", path, kind: "file", ...ASKED }, {
        step: "writeFile",
        path,
        text: source,
        why: ASKED.why,
        man: "open(2), write(2)",
      }];
    default:
      return null;
  }
}
