/**
 * Capabilities: the pieces that root's power is made of, capabilities(7). A
 * container's root keeps those that only reach what its namespaces own.
 */

import { CAPABILITIES } from "../../spec/names.ts";
import type { Capabilities, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import type { Step } from "../step.ts";

export { CAPABILITIES };

/** What docker leaves to a container's root. */
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

/** The sets of a process with these capabilities: none ambient, none inheritable, as docker's. */
export function capabilitySets(
  names: readonly string[],
  uid: number,
): Capabilities {
  const all = CAPABILITIES.filter((name) => names.includes(name));
  // A user who is not root gets them by a setuid or capable file only.
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
 * Without no_new_privs the filter of system calls takes CAP_SYS_ADMIN, and the
 * filter comes last: it may forbid what gives the right up. So the right stays
 * until execve(2), which computes these sets anew from the bounding, inheritable
 * and ambient ones and the file, and not from what was permitted before.
 */
const FOR_FILTER = "CAP_SYS_ADMIN";

/** What the filter needs; a process of root that limits nothing has it. */
function neededLater(
  { process }: Spec,
  { seccomp }: Pick<Facts, "seccomp">,
): string[] {
  const { capabilities, noNewPrivileges, user } = process;
  const needs = seccomp && !noNewPrivileges && (capabilities || user.uid);
  return needs ? [FOR_FILTER] : [];
}

/** While still root: what can never be had again. */
export function limitCapabilities(
  spec: Spec,
  facts: Pick<Facts, "seccomp">,
): Step[] {
  const { capabilities } = spec.process;
  return [
    ...(capabilities
      ? [
        {
          step: "limitCapabilities",
          bounding: capabilities.bounding ?? [],
          why:
            "the bounding set: not even a setuid root program gets more than these; and changing the user takes them away, whatever the caller has set (securebits)",
          man: "prctl(2) PR_CAPBSET_DROP, PR_SET_SECUREBITS, capabilities(7)",
        } as const,
      ]
      : []),
    ...(capabilities || neededLater(spec, facts).length
      ? [
        {
          step: "keepCapabilities",
          why:
            "changing the user would drop them all before they can be chosen",
          man: "prctl(2) PR_SET_KEEPCAPS",
        } as const,
      ]
      : []),
  ];
}

/** What the command starts with, and what is needed until then. */
export function setCapabilities(
  spec: Spec,
  facts: Pick<Facts, "seccomp">,
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
    // Others the kernel refuses; configurations name them all the same.
    ambient: ambient.filter((name) =>
      permitted.includes(name) && inheritable.includes(name)
    ),
    why: more.length
      ? `${
        whyThese(effective)
      }; ${more} is for the filter, and execve takes it away`
      : whyThese(effective),
    man: "capset(2), capabilities(7)",
  }];
}

function whyThese(effective: readonly string[]): string {
  if (!effective.length) {
    return "the command is not root, or needs none of root's power";
  }
  return effective.every((name) => DEFAULT_CAPABILITIES.includes(name))
    ? "root in the container, but only over what is the container's"
    : "what was asked for: some of it reaches past what is the container's own";
}
