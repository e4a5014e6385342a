/**
 * Checks of namespaces: which exist, and whether this user may create them.
 * Pure.
 */

import { type Check, check, sysctl } from "./check.ts";
import { type Facts, isPrivileged } from "./facts.ts";

interface Kind {
  /** The name in /proc/self/ns and in user.max_*_namespaces. */
  name: string;
  gives: string;
  neededByRun?: true;
}

const KINDS: readonly Kind[] = [
  { name: "pid", gives: "its own processes", neededByRun: true },
  { name: "mnt", gives: "its own mounts", neededByRun: true },
  { name: "uts", gives: "its own hostname", neededByRun: true },
  { name: "ipc", gives: "its own shared memory", neededByRun: true },
  { name: "net", gives: "its own network" },
  {
    name: "user",
    gives: "its own users: root inside has no privileges outside",
  },
  { name: "cgroup", gives: "its own view of resource limits" },
  { name: "time", gives: "its own uptime" },
];

/** The checks of namespaces. */
export function namespaceChecks(facts: Facts): Check[] {
  return [...KINDS.map((kind) => namespace(facts, kind)), tried(facts)];
}

function namespace(facts: Facts, { name, gives, neededByRun }: Kind): Check {
  const id = `namespace-${name}`;
  const title = `${name} namespace`;
  const stops = neededByRun ? { stopsRun: true } as const : {};
  if (!facts.namespaces.includes(name)) {
    return check("Namespaces", id, title, {
      status: "missing",
      found: "not in this kernel",
      means: `a container cannot have ${gives}`,
      cure: `boot a kernel with CONFIG_${name.toUpperCase()}_NS`,
      ...stops,
    });
  }
  const limit = facts.limits[name];
  if (limit === 0) {
    return check("Namespaces", id, title, {
      status: "missing",
      found: `none allowed (user.max_${name}_namespaces=0)`,
      means: `a container cannot have ${gives}`,
      cure: sysctl(`user.max_${name}_namespaces=15000`),
      ...stops,
    });
  }
  return check("Namespaces", id, title, {
    status: "ok",
    found: limit === undefined ? "available" : `up to ${limit}`,
    means: `gives a container ${gives}`,
  });
}

/** The result of a real attempt, which depends on all of the settings. */
function tried(facts: Facts): Check {
  const title = "Creating namespaces";
  if (facts.tried === null) {
    return check("Namespaces", "namespaces-tried", title, {
      status: "information",
      found: "not tried: unshare(1) is not installed",
      means: "the lines above are based on settings only",
    });
  }
  const { ok, said, asUser } = facts.tried;
  const what = asUser ? "in a user namespace" : "as run creates them";
  if (ok) {
    return check("Namespaces", "namespaces-tried", title, {
      status: "ok",
      found: `tried ${what}`,
      means: "created and removed, with a new /proc",
    });
  }
  return check("Namespaces", "namespaces-tried", title, {
    status: asUser ? "warning" : "missing",
    found: `tried ${what}: ${said}`,
    means: asUser
      ? "a container without root cannot be created; see the next group for the reason"
      : "a security module (AppArmor, SELinux), a seccomp filter or a covered /proc forbids it",
    ...asUser ? {} : { cure: forbiddenCure(facts) },
    ...isPrivileged(facts) && !asUser ? { stopsRun: true } : {},
  });
}

/** What to try if something outside this process refuses. */
export function forbiddenCure({ inside }: Facts): string {
  return inside === "docker" || inside === "podman"
    ? `${inside} run --privileged …  # for the container in which this runs`
    : "sudo dmesg | tail  # may show the reason";
}
