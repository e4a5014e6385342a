/**
 * The flags that limit, on the cgroups of this machine, whichever version they
 * are.
 *
 * @module
 */

import { readHierarchy } from "../cgroup/mod.ts";
import { testRunLimits } from "./vm/_run_limits.ts";

testRunLimits(`limits (${readHierarchy().layout})`);
