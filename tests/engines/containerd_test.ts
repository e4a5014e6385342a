/** containerd, with `ctr run --runc-binary`. */

import { Containerd, noContainerd } from "./_containerd.ts";
import { CTR } from "./_containerd_table.ts";
import { testTable } from "./_table.ts";

testTable({
  engine: "containerd",
  skip: noContainerd,
  start: (runtime) => Containerd.start(runtime),
  scenarios: CTR,
});
