/**
 * Capabilities: the separate rights that make up root's power, capabilities(7).
 * A container's root keeps those that affect only what its namespaces own. The
 * steps belong to the process phase.
 */

import { CAPABILITIES } from "../../spec/names.ts";
import type { Capabilities, Spec } from "../../spec/types.ts";
import type { ProcessFacts } from "../facts.ts";
import type { Step } from "../step.ts";

export { CAPABILITIES };

/** The capabilities of a container's root, as docker has them. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** The capability sets of a process: as with docker, none is ambient or inheritable. */
export function capabilitySets(
  names: readonly string[],
  uid: number,
): Capabilities {
  const all = CAPABILITIES.filter((name) => names.includes(name));
  // A user other than root gets them only by a setuid file or file
  // capabilities.
  const own = uid === 0 ? all : [];
  return {
    bounding: all,
    effective: own,
    permitted: own,
    inheritable: [],
    ambient: [],
  };
}

/**
 * Without no_new_privs, installing a seccomp filter needs CAP_SYS_ADMIN. The
 * filter comes last, since it may forbid the calls that give capabilities up.
 * So the capability stays until execve(2), which computes the new sets from the
 * bounding, inheritable and ambient sets and the file, not from the permitted
 * set.
 */
const FOR_FILTER = "CAP_SYS_ADMIN";

/** What the filter needs; root without limits has it anyway. */
function neededLater(
  { process }: Spec,
  { seccomp }: Pick<ProcessFacts, "seccomp">,
): string[] {
  const { capabilities, noNewPrivileges, user } = process;
  const needs = seccomp && !noNewPrivileges && (capabilities || user.uid);
  return needs ? [FOR_FILTER] : [];
}

/** Limits the bounding set while the process is still root. The limit is final. */
export function limitCapabilities(
  spec: Spec,
  facts: Pick<ProcessFacts, "seccomp">,
): Step[] {
  const { capabilities } = spec.process;
  return [
    ...(capabilities
      ? [
        {
          step: "limitCapabilities",
          bounding: capabilities.bounding ?? [],
          why:
            "limits the bounding set, so that not even a setuid root program gets more; clears the securebits, so that changing the user drops capabilities",
          man: "prctl(2) PR_CAPBSET_DROP, PR_SET_SECUREBITS, capabilities(7)",
        } as const,
      ]
      : []),
    ...(capabilities || neededLater(spec, facts).length
      ? [
        {
          step: "keepCapabilities",
          why:
            "changing the user would drop all capabilities before they can be set",
          man: "prctl(2) PR_SET_KEEPCAPS",
        } as const,
      ]
      : []),
  ];
}

/** Sets the command's capabilities, and those needed until its execve. */
export function setCapabilities(
  spec: Spec,
  facts: Pick<ProcessFacts, "seccomp">,
): Step[] {
  const later = neededLater(spec, facts);
  const { capabilities } = spec.process;
  if (!capabilities && !later.length) return [];
  const { effective = [], permitted = [], inheritable = [], ambient = [] } =
    capabilities ?? {};
  const more = later.filter((name) =>
    !effective.includes(name) || !permitted.includes(name)
  );
  const withMore = (names: readonly string[]) => [
    ...names,
    ...more.filter((name) => !names.includes(name)),
  ];
  return [{
    step: "setCapabilities",
    effective: withMore(effective),
    permitted: withMore(permitted),
    inheritable,
    // The kernel refuses other ambient capabilities, yet configurations name
    // them.
    ambient: ambient.filter((name) =>
      permitted.includes(name) && inheritable.includes(name)
    ),
    why: more.length
      ? `${
        whyThese(effective)
      }; ${more} is only for installing the seccomp filter, and execve removes it`
      : whyThese(effective),
    man: "capset(2), capabilities(7)",
  }];
}

function whyThese(effective: readonly string[]): string {
  if (!effective.length) {
    return "the command is not root, or needs none of root's capabilities";
  }
  return effective.every((name) => DEFAULT_CAPABILITIES.includes(name))
    ? "root in the container, with privileges only over the container's own resources"
    : "these were requested, and some have effects outside the container";
}
