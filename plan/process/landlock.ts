/**
 * Landlock: a fence around files and ports that a process puts around itself
 * and cannot take down, whoever it is. What is not named is closed. It is the
 * last thing but the filter of system calls, since the steps before it use
 * what it closes.
 */

import {
  FILE_RIGHTS,
  type FileRight,
  type PortRight,
} from "../landlock_rights.ts";
import type { Step } from "../step.ts";

/** What may be done; every list adds to the others. */
export interface LandlockRules {
  /** Paths below which files are read. */
  ro?: string[];
  /** Paths below which they are read, written, made and removed. */
  rw?: string[];
  /** Paths below which they are read and executed; all of the above without it. */
  exec?: string[];
  /** TCP ports that it may connect to. */
  connect?: number[] | "any";
  /** TCP ports that it may bind. */
  bind?: number[] | "any";
}

/** From this version on TCP ports can be closed. */
export const NET_SINCE = 4;
const SCOPE_SINCE = 6;

const READ: readonly FileRight[] = ["READ_FILE", "READ_DIR"];
const EXECUTE: readonly FileRight[] = ["EXECUTE"];

/** Which ports a right is left for; nothing where it is left for any. */
const portRule = (right: PortRight, ports: number[] | "any") =>
  ports === "any" ? [] : [{ right, ports }];

/** The steps that close everything but what the rules name. */
export function restrictByLandlock(rules: LandlockRules, abi: number): Step[] {
  const { ro = [], rw = [], exec = [], connect = [], bind = [] } = rules;
  const known = FILE_RIGHTS.flatMap(([name, since]) =>
    since <= abi ? [name] : []
  );
  const write = known.filter((right) => right !== "EXECUTE");
  const executed = exec.length ? [] : EXECUTE;
  const closed = abi < NET_SINCE
    ? []
    : [...portRule("CONNECT_TCP", connect), ...portRule("BIND_TCP", bind)];
  const below = (
    paths: readonly string[],
    allow: "ro" | "rw" | "exec",
    rights: readonly FileRight[],
  ) =>
    paths.map((path): Step => ({
      step: "allowBelow",
      path,
      allow,
      rights,
      why: "asked for by name; the path is looked up inside the container",
      man: "landlock_add_rule(2)",
    }));
  return [
    {
      step: "createRuleset",
      files: known,
      ports: closed.map(({ right }) => right),
      scopes: abi < SCOPE_SINCE ? [] : ["ABSTRACT_UNIX_SOCKET", "SIGNAL"],
      why:
        `what the kernel's Landlock, version ${abi}, can close is closed, but for what follows`,
      man: "landlock_create_ruleset(2), landlock(7)",
    },
    ...below(ro, "ro", [...READ, ...executed]),
    ...below(rw, "rw", [...write, ...executed]),
    ...below(exec, "exec", [...READ, ...EXECUTE]),
    ...closed.flatMap(({ right, ports }) =>
      ports.map((port): Step => ({
        step: "allowPort",
        port,
        right,
        why: "asked for by number; every other TCP port is closed",
        man: "landlock_add_rule(2)",
      }))
    ),
    {
      step: "restrictSelf",
      why:
        "from here on nothing else can be opened, not even by root, and no child gets out of it",
      man: "landlock_restrict_self(2)",
    },
  ];
}
