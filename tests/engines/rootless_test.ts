/** podman as an ordinary user with subordinate ids. */

import { noRootless, Podman } from "./_podman.ts";
import { PODMAN, ROOTLESS } from "./_podman_table.ts";
import { testTable } from "./_table.ts";

testTable({
  engine: "rootless podman",
  skip: noRootless,
  start: (runtime) => Podman.start(runtime, true),
  scenarios: [...PODMAN, ...ROOTLESS],
});
