/** `container system df`: what the store takes on the disk. */

import type { Command } from "../command.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { size, table } from "../daily/table.ts";
import { type Flag, parseFlags, takeNoWords } from "../flags.ts";
import { print } from "../output.ts";
import { clearKilled } from "../volumes/names.ts";
import { openStore } from "./open_store.ts";
import { type Space, spaceOf } from "./space.ts";
import { inUserNamespace } from "./user_namespace.ts";

const FLAGS: readonly Flag[] = [
  FORMAT,
  {
    name: "verbose",
    short: "v",
    help: "Show each image, container and volume",
  },
];

/** One row. */
interface Use {
  type: string;
  total: number;
  active: number;
  size: number;
  /** What prune frees. */
  reclaimable: number;
}

const sum = (sizes: readonly number[]) =>
  sizes.reduce((all, size) => all + size, 0);

/** docker's rows, and what the rest of the store takes. */
function rowsOf({ images, containers, volumes, whole, ...of }: Space): Use[] {
  const sizes = {
    containers: sum(containers.map(({ size }) => size)),
    volumes: sum(volumes.map(({ size }) => size)),
  };
  const free = volumes.filter(({ links }) => !links);
  const ended = containers.filter(({ runs }) => !runs);
  return [
    {
      type: "Images",
      total: images.length,
      active: images.filter(({ containers }) => containers).length,
      size: of.imageSize,
      reclaimable: of.freeImageSize,
    },
    {
      type: "Containers",
      total: containers.length,
      active: containers.length - ended.length,
      size: sizes.containers,
      reclaimable: sum(ended.map(({ size }) => size)),
    },
    {
      type: "Local Volumes",
      total: volumes.length,
      active: volumes.length - free.length,
      size: sizes.volumes,
      reclaimable: sum(free.map(({ size }) => size)),
    },
    { type: "Build Cache", total: 0, active: 0, size: 0, reclaimable: 0 },
    {
      type: "Store",
      total: 1,
      active: 1,
      size: whole - of.imageSize - sizes.containers - sizes.volumes,
      reclaimable: 0,
    },
  ];
}

/** Shows what the store takes on the disk. */
export const systemDfCommand: Command = {
  name: "system df",
  summary: "Show the space that images, containers and volumes take",
  usage: "[flags]",
  flags: FLAGS,
  examples: [
    ["sudo container system df", "the sum is what du shows"],
    ["sudo container system df -v", "each of them"],
  ],
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container system df");
    takeNoWords(flags, "system df");
    const json = asksJson(flags);
    await clearKilled();
    // Others cannot enter all directories of layers.
    const inside = await inUserNamespace(["system", "df", ...argv], {
      removes: true,
    });
    if (inside !== null) return inside;
    const space = spaceOf(openStore());
    const verbose = flags.has("verbose");
    if (json) print(JSON.stringify(verbose ? space : rowsOf(space)));
    else print(verbose ? asTables(space) : asTable(rowsOf(space)));
    return 0;
  },
};

/** The share of a whole, as docker shows it. */
const percent = (part: number, whole: number): string =>
  whole > 0 ? ` (${Math.floor((part * 100) / whole)}%)` : "";

const asTable = (uses: readonly Use[]): string =>
  table([
    ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"],
    ...uses.map((use) => [
      use.type,
      String(use.total),
      String(use.active),
      size(use.size),
      size(use.reclaimable) + percent(use.reclaimable, use.size),
    ]),
  ]);

const asTables = ({ images, containers, volumes }: Space): string =>
  [
    "Images space usage:",
    "",
    table([
      [
        ...["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"],
        ...["SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"],
      ],
      ...images.flatMap((image) =>
        image.names.map(({ repository, tag }) => [
          ...[repository, tag, image.id.slice(0, 12), image.created],
          ...[size(image.shared + image.unique), size(image.shared)],
          ...[size(image.unique), String(image.containers)],
        ])
      ),
    ]),
    "",
    "Containers space usage:",
    "",
    table([
      [
        ...["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE"],
        ...["STATUS", "NAMES"],
      ],
      ...containers.map((one) => [
        ...[one.id.slice(0, 12), one.image, one.command, String(one.volumes)],
        ...[size(one.size), one.status, one.name],
      ]),
    ]),
    "",
    "Local Volumes space usage:",
    "",
    table([
      ["VOLUME NAME", "LINKS", "SIZE"],
      ...volumes.map((one) => [one.name, String(one.links), size(one.size)]),
    ]),
    "",
    "Build cache usage: 0B",
  ].join("\n");
