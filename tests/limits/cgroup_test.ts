/**
 * The limits on this machine's cgroups, of either version.
 *
 * @module
 */

import { readHierarchy } from "../../cgroup/mod.ts";
import { testLimits } from "../vm/_limits.ts";

testLimits(`cgroup (${readHierarchy().layout})`);
