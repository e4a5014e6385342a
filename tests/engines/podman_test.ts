/** podman, for root and for a user. */

import { noPodman, noRootless, Podman } from "./_podman.ts";
import { PODMAN, ROOTFUL } from "./_podman_table.ts";
import { testTable } from "./_table.ts";

testTable({
  engine: "podman",
  skip: noPodman,
  start: (runtime) => Podman.start(runtime, false),
  scenarios: [...PODMAN, ...ROOTFUL],
});

testTable({
  engine: "rootless podman",
  skip: noRootless,
  start: (runtime) => Podman.start(runtime, true),
  scenarios: PODMAN,
});
