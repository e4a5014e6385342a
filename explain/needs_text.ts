/** What steps need, in words. Pure. */

import type { CapabilityNeed, Needs, Owner } from "./steps/needs.ts";
import { FLOOR, isNewerThanFloor, youngest } from "./steps/since.ts";
import type { ExplainedStep } from "./explained.ts";

const OWNER: Record<Owner, string> = {
  host: "the host's user namespace",
  container: "the container's user namespace",
  initial: "the initial user namespace",
};

/** What all steps together need in every case. */
function together(steps: readonly ExplainedStep[]): Needs {
  const found = new Map<string, CapabilityNeed>();
  for (const need of steps.flatMap(({ needs }) => needs.capabilities)) {
    if (!need.when) found.set(`${need.userNamespace} ${need.name}`, need);
  }
  return {
    capabilities: [...found.values()],
    kernel: youngest(steps.flatMap(({ needs }) => needs.kernel ?? [])),
  };
}

/** What all steps together need, with the oldest kernel that has it. */
export function allNeedsInWords(steps: readonly ExplainedStep[]): string {
  const needs = together(steps);
  const { kernel } = needs;
  return [
    ...rightsOf(needs),
    ...(kernel && isNewerThanFloor(kernel)
      ? [`Linux ${kernel.version} (${kernel.what})`]
      : [`Linux ${FLOOR}`]),
  ].join("; ");
}

/**
 * The needs of a step in words; empty if every supported kernel allows it to
 * every process.
 */
export function needsInWords(needs: Needs): string {
  const { access, kernel } = needs;
  return [
    ...rightsOf(needs),
    ...(access ? [access] : []),
    ...(kernel && isNewerThanFloor(kernel)
      ? [`Linux ${kernel.version} (${kernel.what})`]
      : []),
  ].join("; ");
}

function rightsOf({ capabilities }: Needs): string[] {
  const always = capabilities.filter(({ when }) => !when);
  return [
    ...(["host", "container", "initial"] as const).flatMap((owner) => {
      const names = always.filter(({ userNamespace }) =>
        userNamespace === owner
      ).map(({ name }) => name);
      return names.length ? [`${names.join(", ")} in ${OWNER[owner]}`] : [];
    }),
    ...capabilities.flatMap(({ name, userNamespace, when }) =>
      when ? [`${name} in ${OWNER[userNamespace]} ${when}`] : []
    ),
  ];
}
