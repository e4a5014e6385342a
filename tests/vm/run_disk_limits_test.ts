/**
 * The flags that limit disks and huge pages, on cgroup v2: `deno task test:vm`
 * runs this in a machine that has nothing else.
 *
 * @module
 */

import { testRunDiskLimits } from "./_run_disk_limits.ts";

if (Deno.env.has("CONTAINER_VM")) testRunDiskLimits("limits (v2)");
