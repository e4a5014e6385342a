/**
 * Landlock: with it a process restricts its own access to files and ports, and
 * no later right lifts the restriction. What no rule names is closed. Only the
 * seccomp filter comes later, since earlier steps use what Landlock closes.
 */

import {
  FILE_RIGHTS,
  type FileRight,
  type PortRight,
} from "../landlock_rights.ts";
import type { Step } from "../step.ts";

/** What the command may do. Every list adds to the others. */
export interface LandlockRules {
  /** Paths below which files may be read. */
  ro?: string[];
  /** Paths below which files may be read, written, made and removed. */
  rw?: string[];
  /**
   * Paths below which files may be read and executed. Without this list, files
   * below `ro` and `rw` may be executed.
   */
  exec?: string[];
  /** TCP ports that the command may connect to. */
  connect?: number[] | "any";
  /** TCP ports that the command may bind. */
  bind?: number[] | "any";
}

/** The first version of Landlock that can restrict TCP ports. */
export const NET_SINCE = 4;
const SCOPE_SINCE = 6;

const READ: readonly FileRight[] = ["READ_FILE", "READ_DIR"];
const EXECUTE: readonly FileRight[] = ["EXECUTE"];

/** The ports for which a right stays; no rule if it stays for any port. */
const portRule = (right: PortRight, ports: number[] | "any") =>
  ports === "any" ? [] : [{ right, ports }];

/**
 * The steps that close everything that the rules do not name.
 *
 * @param abi the version of Landlock that the kernel has
 */
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
      why: "this path was requested; it is looked up inside the container",
      man: "landlock_add_rule(2)",
    }));
  return [
    {
      step: "createRuleset",
      files: known,
      ports: closed.map(({ right }) => right),
      scopes: abi < SCOPE_SINCE ? [] : ["ABSTRACT_UNIX_SOCKET", "SIGNAL"],
      why:
        `denies everything that the kernel's Landlock (version ${abi}) can restrict, except for the rules that follow`,
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
        why: "this port was requested; every other TCP port is closed",
        man: "landlock_add_rule(2)",
      }))
    ),
    {
      step: "restrictSelf",
      why:
        "from here on nothing else can be opened, not even by root, and child processes inherit this",
      man: "landlock_restrict_self(2)",
    },
  ];
}
