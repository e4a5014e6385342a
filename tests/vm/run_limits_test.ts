/**
 * The flags that limit, on cgroup v2: `deno task test:vm` runs this in a machine
 * that has nothing else.
 *
 * @module
 */

import { testRunLimits } from "./_run_limits.ts";

if (Deno.env.has("CONTAINER_VM")) testRunLimits("limits (v2)");
