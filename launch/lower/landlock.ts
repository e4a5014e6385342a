/** Lowering of Landlock, linux/landlock.h. */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  FILE_RIGHT_NAMES,
  type FileRight,
  type PortRight,
  type Scope,
} from "../../plan/landlock_rights.ts";
import type { Lowering } from "./lowering.ts";

/** LANDLOCK_ACCESS_NET_…, by the name without the prefix. */
export const PORT_RIGHT: Record<PortRight, bigint> = {
  BIND_TCP: 1n,
  CONNECT_TCP: 2n,
};
/** LANDLOCK_SCOPE_…, by the name without the prefix. */
export const SCOPE: Record<Scope, bigint> = {
  ABSTRACT_UNIX_SOCKET: 1n,
  SIGNAL: 2n,
};
export const LANDLOCK_RULE_PATH_BENEATH = 1;
export const LANDLOCK_RULE_NET_PORT = 2;
const RULESET = { slot: "ruleset" } as const;

/** The rights that apply to files that are not directories. */
const OF_FILES: readonly FileRight[] = [
  "EXECUTE",
  "WRITE_FILE",
  "READ_FILE",
  "TRUNCATE",
  "IOCTL_DEV",
];

/**
 * A rule refers to its path by a descriptor in a structure, so the number has
 * to be known in advance. It is above every descriptor that a command may keep.
 */
export const BENEATH = 40;

const fileBits = (rights: readonly FileRight[]) =>
  rights.reduce(
    (bits, right) => bits | 1n << BigInt(FILE_RIGHT_NAMES.indexOf(right)),
    0n,
  );

const words = (...values: bigint[]) =>
  new Uint8Array(new BigUint64Array(values).buffer);

/**
 * struct landlock_ruleset_attr. Fields that are zero at its end are left out,
 * since older kernels do not know them.
 */
function rulesetAttr(files: bigint, ports: bigint, scopes: bigint): Uint8Array {
  if (scopes) return words(files, ports, scopes);
  return ports ? words(files, ports) : words(files);
}

/** struct landlock_path_beneath_attr, which is packed. */
function beneathAttr(rights: readonly FileRight[]): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, fileBits(rights), true);
  view.setInt32(8, BENEATH, true);
  return bytes;
}

export const lowerLandlock: Lowering<
  "createRuleset" | "allowBelow" | "allowPort" | "restrictSelf"
> = {
  createRuleset: ({ files, ports, scopes }) => {
    const attr = rulesetAttr(
      fileBits(files),
      ports.reduce((bits, right) => bits | PORT_RIGHT[right], 0n),
      scopes.reduce((bits, scope) => bits | SCOPE[scope], 0n),
    );
    return [{
      name: "landlock_create_ruleset",
      args: [attr, attr.length, 0],
      result: RULESET.slot,
    }];
  },
  allowBelow: ({ path, rights }) => [
    {
      name: "openat",
      args: [AT_FDCWD, path, O.O_PATH | O.O_CLOEXEC, 0],
      result: "beneath",
    },
    { name: "dup3", args: [{ slot: "beneath" }, BENEATH, O.O_CLOEXEC] },
    { name: "close", args: [{ slot: "beneath" }] },
    // The kernel refuses a directory's rights for other files.
    {
      name: "landlock_add_rule",
      args: [RULESET, LANDLOCK_RULE_PATH_BENEATH, beneathAttr(rights), 0],
      expect: ["EINVAL"],
      skipOnSuccess: 1,
    },
    {
      name: "landlock_add_rule",
      args: [
        RULESET,
        LANDLOCK_RULE_PATH_BENEATH,
        beneathAttr(rights.filter((right) => OF_FILES.includes(right))),
        0,
      ],
    },
    { name: "close", args: [BENEATH] },
  ],
  allowPort: ({ port, right }) => [{
    name: "landlock_add_rule",
    args: [
      RULESET,
      LANDLOCK_RULE_NET_PORT,
      words(PORT_RIGHT[right], BigInt(port)),
      0,
    ],
  }],
  restrictSelf: () => [
    { name: "landlock_restrict_self", args: [RULESET, 0] },
    { name: "close", args: [RULESET] },
  ],
};
