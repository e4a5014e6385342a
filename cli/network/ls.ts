/** `container network ls`. */

import { FIXED_IDS, shortNetworkId } from "../../network/records/record.ts";
import type { Command } from "../command.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { table } from "../daily/table.ts";
import { type Flag, parseFlags, takeNoWords } from "../flags.ts";
import { print } from "../output.ts";
import { type Listed, parseNetworkFilters } from "./filters.ts";
import { allNetworks, openNetworks } from "./open.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "filter",
    short: "f",
    value: "KEY=VALUE",
    help: "name=, id=, driver= or label=K[=V]; repeatable",
  },
  FORMAT,
  { name: "no-trunc", help: "Do not shorten IDs" },
  { name: "quiet", short: "q", help: "Print only IDs" },
];

/** What `--network host` and `--network none` name, in docker's words. */
const WITHOUT_RECORD: readonly Listed[] = [
  { name: "host", driver: "host", id: FIXED_IDS.host, labels: {} },
  { name: "none", driver: "null", id: FIXED_IDS.none, labels: {} },
];

/** Lists the networks. */
export const networkLsCommand: Command = {
  name: "network ls",
  summary: "List the networks",
  usage: "[flags]",
  flags: FLAGS,
  examples: [
    ["sudo container network ls", "all networks"],
    ["sudo container network ls -q -f label=stage=test", "IDs by label"],
  ],
  execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container network ls");
    takeNoWords(flags, "network ls");
    const json = asksJson(flags);
    const fits = parseNetworkFilters(flags.all("filter"), [
      "name",
      "id",
      "driver",
      "label",
    ]);
    const found = [...allNetworks(openNetworks()), ...WITHOUT_RECORD]
      .filter(fits)
      .toSorted((one, other) => one.name < other.name ? -1 : 1);
    const idOf = ({ id }: Listed) =>
      flags.has("no-trunc") ? id : shortNetworkId(id);
    if (json) {
      const list = found.map(({ name, id, driver, labels }) => ({
        id,
        name,
        driver,
        scope: "local",
        labels,
      }));
      print(JSON.stringify(list, null, 2));
    } else if (flags.has("quiet")) found.map(idOf).forEach(print);
    else {
      print(table([
        ["NETWORK ID", "NAME", "DRIVER", "SCOPE"],
        ...found.map((network) => [
          idOf(network),
          network.name,
          network.driver,
          "local",
        ]),
      ]));
    }
    return 0;
  },
};
