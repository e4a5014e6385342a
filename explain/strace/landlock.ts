/**
 * Formats the calls of Landlock as a current strace(1) does. Older versions,
 * for example 6.1, write numbers and addresses for newer features. Pure.
 */

import { FILE_RIGHT_NAMES } from "../../plan/landlock_rights.ts";
import type { Argument, Call } from "../../launch/bytecode/call.ts";
import {
  LANDLOCK_RULE_NET_PORT,
  LANDLOCK_RULE_PATH_BENEATH,
  PORT_RIGHT,
  SCOPE,
} from "../../launch/lower/landlock.ts";
import { flags, named, plain, structure } from "./notation.ts";

const prefixed = (prefix: string, bits: Readonly<Record<string, bigint>>) =>
  Object.fromEntries(
    Object.entries(bits).map(([name, bit]) => [prefix + name, Number(bit)]),
  );

const FILES = Object.fromEntries(
  FILE_RIGHT_NAMES.map((name, bit) => [`LANDLOCK_ACCESS_FS_${name}`, 1 << bit]),
);
const PORTS = prefixed("LANDLOCK_ACCESS_NET_", PORT_RIGHT);
const SCOPES = prefixed("LANDLOCK_SCOPE_", SCOPE);
const RULES = { LANDLOCK_RULE_PATH_BENEATH, LANDLOCK_RULE_NET_PORT };

/** The members of struct landlock_ruleset_attr. Older kernels have fewer. */
const HANDLED = [
  ["handled_access_fs", FILES],
  ["handled_access_net", PORTS],
  ["scoped", SCOPES],
] as const;

/** landlock_create_ruleset(2): the size decides how many members there are. */
export function createRuleset({ args }: Call): string[] {
  const view = structure(args[0]!);
  const members = HANDLED.slice(0, view.byteLength / 8).map(
    ([name, names], index) =>
      `${name}=${flags(view.getBigUint64(8 * index, true), names)}`,
  );
  return [`{${members.join(", ")}}`, ...args.slice(1).map(plain)];
}

/** landlock_add_rule(2): the type decides which structure the rule is. */
export function addRule({ args }: Call): string[] {
  const [ruleset, type, rule, zero] = args;
  return [
    plain(ruleset!),
    named(type!, RULES),
    shown(type!, rule!),
    plain(zero!),
  ];
}

function shown(type: Argument, rule: Argument): string {
  const view = structure(rule);
  const allowed = view.getBigUint64(0, true);
  return type === LANDLOCK_RULE_NET_PORT
    ? `{allowed_access=${flags(allowed, PORTS)}, port=${
      view.getBigUint64(8, true)
    }}`
    : `{allowed_access=${flags(allowed, FILES)}, parent_fd=${
      view.getInt32(8, true)
    }}`;
}
