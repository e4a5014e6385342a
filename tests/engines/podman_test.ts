/** podman as root. */

import { noPodman, Podman } from "./_podman.ts";
import { PODMAN, ROOTFUL } from "./_podman_table.ts";
import { testTable } from "./_table.ts";

testTable({
  engine: "podman",
  skip: noPodman,
  start: (runtime) => Podman.start(runtime, false),
  scenarios: [...PODMAN, ...ROOTFUL],
});
