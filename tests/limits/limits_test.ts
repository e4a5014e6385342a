/**
 * The flags that limit, on the cgroups of this machine, whichever version they
 * are.
 *
 * @module
 */

import { readHierarchy } from "../../cgroup/mod.ts";
import { testRunDiskLimits } from "../vm/_run_disk_limits.ts";
import { testRunLimits } from "../vm/_run_limits.ts";
import { testRunPlace } from "../vm/_run_place.ts";

const label = `limits (${readHierarchy().layout})`;
testRunLimits(label);
testRunDiskLimits(label);
testRunPlace(label);
