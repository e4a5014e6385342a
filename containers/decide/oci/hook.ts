/**
 * The facts that the plan of a hook in a container depends on. Only reads and
 * decides; changes nothing. Runs on the host, in the create and start commands.
 */

import type { ProcessFacts } from "../../../plan/facts.ts";
import { hasNamespace } from "../../../plan/namespaces.ts";
import type { Spec } from "../../../spec/types.ts";
import { groupsAreFixed, readProcessFacts } from "../facts.ts";
import { needsHelper } from "../id_ranges.ts";
import type { Requester } from "../requester.ts";
import { specFilter } from "../seccomp.ts";

/** Reads the facts for the hooks of a container that waits for its start. */
export async function decideHook(
  spec: Spec,
  requester: Requester,
): Promise<ProcessFacts> {
  const mapHelper = needsHelper(spec, requester.caller);
  return readProcessFacts(spec, {
    init: false,
    waits: false,
    outlives: false,
    joins: false,
    anyCpu: true,
    terminalStreams: [],
    seccomp: await specFilter(spec, requester.world),
  }, {
    userNamespace: hasNamespace(spec, "user"),
    deniesSetgroups: groupsAreFixed(spec, { mapHelper }, requester),
    cgroupEntry: null,
  }, requester);
}
