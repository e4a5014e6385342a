/**
 * The flags that limit, on cgroup v2: `deno task test:vm` runs this in a machine
 * that has nothing else.
 *
 * @module
 */

import { testRunDiskLimits } from "./_run_disk_limits.ts";
import { testRunLimits } from "./_run_limits.ts";
import { testRunPlace } from "./_run_place.ts";

if (Deno.env.has("CONTAINER_VM")) {
  testRunLimits("limits (v2)");
  testRunDiskLimits("limits (v2)");
  testRunPlace("limits (v2)");
}
