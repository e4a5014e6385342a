/**
 * The published ports of all containers, after the firewall's table has been
 * made again. Runs on the host.
 *
 * @module
 */

import { publishPorts } from "./publish.ts";
import { otherPorts } from "./record.ts";

/**
 * Adds the ports of all containers of this boot to the table.
 *
 * @param directory the directory of the records of ports
 */
export function republishPorts(directory: string, boot: string): void {
  for (const { ports, address, boot: then } of otherPorts(`${directory}/`)) {
    if (address === undefined || then !== boot) continue;
    // A port that leads elsewhere is another container's by now.
    publishPorts(ports, address, () => {});
  }
}
