/**
 * The limits on the cgroups of this machine, whichever version they are.
 *
 * @module
 */

import { readHierarchy } from "../../cgroup/mod.ts";
import { testLimits } from "../vm/_limits.ts";

testLimits(`cgroup (${readHierarchy().layout})`);
