/**
 * Where a container's cgroup is, on cgroup v2: `deno task test:vm` runs this in
 * a machine that has nothing else.
 *
 * @module
 */

import { testRunPlace } from "./_run_place.ts";

if (Deno.env.has("CONTAINER_VM")) testRunPlace("limits (v2)");
