/**
 * The needs of Landlock steps: a part of the table in explain/steps/needs.ts.
 * Pure data.
 */

import type { Entry } from "./needs_entry.ts";
import type { StepKind } from "../../plan/step.ts";

type Landlock =
  & StepKind
  & ("createRuleset" | "allowBelow" | "allowPort" | "restrictSelf");

const LANDLOCK = { version: "5.13", what: "Landlock" };
const FOR_TCP = { version: "6.7", what: "Landlock for TCP" };

const LANDLOCK_ENABLED = "Landlock among the kernel's security modules";

/** Access rights that are newer than Landlock itself, landlock(7). */
const FILE_RIGHTS_SINCE = [
  { right: "REFER", version: "5.19" },
  { right: "TRUNCATE", version: "6.2" },
  { right: "IOCTL_DEV", version: "6.10" },
] as const;

/** The needs by kind of step. */
export const LANDLOCK_NEEDS: { readonly [K in Landlock]: Entry<K> } = {
  createRuleset: {
    access: LANDLOCK_ENABLED,
    features: ({ files, ports, scopes }) => [
      LANDLOCK,
      ...FILE_RIGHTS_SINCE.filter(({ right }) => files.includes(right))
        .map(({ right, version }) => ({
          version,
          what: `LANDLOCK_ACCESS_FS_${right}`,
        })),
      ...(ports.length ? [FOR_TCP] : []),
      ...(scopes.length ? [{ version: "6.12", what: "Landlock scopes" }] : []),
    ],
  },
  allowBelow: {
    access: "permission to enter the parent directories",
    features: () => [LANDLOCK],
  },
  allowPort: { features: () => [FOR_TCP] },
  restrictSelf: {
    capabilities: [{
      name: "CAP_SYS_ADMIN",
      in: "here",
      when: "unless no_new_privs is set",
    }],
    features: () => [LANDLOCK],
  },
};
