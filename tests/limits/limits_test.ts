/**
 * The flags for limits on this machine's cgroups, of either version.
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
