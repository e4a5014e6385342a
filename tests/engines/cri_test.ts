/** containerd, with the interface that Kubernetes uses. */

import { noContainerd } from "./_containerd.ts";
import { Cri } from "./_cri.ts";
import { CRI } from "./_cri_table.ts";
import { testTable } from "./_table.ts";

testTable({
  engine: "cri",
  skip: noContainerd,
  start: (runtime) => Cri.start(runtime),
  scenarios: CRI,
});
