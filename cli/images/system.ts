/** `container system df`: what the store takes on the disk. */

import { diskUsage } from "../../images/store/disk_usage.ts";
import { blobFile, layerDirectory } from "../../images/store/places.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import type { Command } from "../command.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { size, table } from "../daily/table.ts";
import { type Flag, parseFlags, takeNoWords } from "../flags.ts";
import { print } from "../output.ts";
import { openStore } from "./open_store.ts";
import { inUserNamespace } from "./user_namespace.ts";

const FLAGS: readonly Flag[] = [FORMAT];

/** One row. */
interface Use {
  type: string;
  total: number;
  size: number;
  /** What `image prune` frees. */
  reclaimable: number;
}

/** What images take, and what the rest of the store takes. */
function usesOf(store: ImageStore): Use[] {
  const seen = new Set<string>();
  const counted = new Set<string>();
  const images = store.images();
  const named = images.filter(({ name }) => name !== undefined);
  const dangling = images.filter(({ name }) => name === undefined);
  const measure = (image: StoredImage) => {
    let sum = 0;
    for (const path of filesOf(store, image)) {
      if (counted.has(path)) continue;
      counted.add(path);
      sum += diskUsage(path, seen);
    }
    return sum;
  };
  const sumOf = (some: readonly StoredImage[]) =>
    some.reduce((sum, image) => sum + measure(image), 0);
  const kept = sumOf(named);
  const free = sumOf(dangling);
  const whole = diskUsage(store.path);
  const count = new Set(images.map(({ id }) => id)).size;
  return [
    { type: "Images", total: count, size: kept + free, reclaimable: free },
    {
      type: "Store",
      total: 1,
      size: whole - kept - free,
      reclaimable: 0,
    },
  ];
}

/** The files and directories of an image. */
const filesOf = (
  { path }: ImageStore,
  { id, digest, blobs, chains }: StoredImage,
): string[] => [
  ...[id, digest, ...blobs].map((blob) => blobFile(path, blob)),
  ...chains.map((chain) => layerDirectory(path, chain)),
];

/** Shows what the store takes on the disk. */
export const systemDfCommand: Command = {
  name: "system df",
  summary: "Show the space that images take on the disk",
  usage: "[flags]",
  flags: FLAGS,
  examples: [["sudo container system df", "the sum is what du shows"]],
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container system df");
    takeNoWords(flags, "system df");
    const json = asksJson(flags);
    // Others cannot enter all directories of layers.
    const inside = await inUserNamespace(["system", "df", ...argv], {
      removes: true,
    });
    if (inside !== null) return inside;
    const uses = usesOf(openStore());
    if (json) print(JSON.stringify(uses));
    else {
      print(table([
        ["TYPE", "TOTAL", "SIZE", "RECLAIMABLE"],
        ...uses.map((use) => [
          use.type,
          String(use.total),
          size(use.size),
          size(use.reclaimable),
        ]),
      ]));
    }
    return 0;
  },
};
