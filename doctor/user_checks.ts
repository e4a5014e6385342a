/**
 * Checks of the caller: root or not, capabilities, and the container around it.
 * Pure.
 */

import { type Check, check, listed } from "./check.ts";
import {
  type Capability,
  type Facts,
  hasCapability,
  isPrivileged,
  userName,
} from "./facts.ts";

/** What fails without each capability, the worst first. */
const WITHOUT: Record<Exclude<Capability, "CAP_SYS_ADMIN">, string> = {
  CAP_SYS_CHROOT: "chroot",
  CAP_SETUID: "changing the user",
  CAP_SETGID: "changing the group",
  CAP_SETPCAP: "dropping capabilities of the command",
  CAP_NET_ADMIN: "networks",
  CAP_MKNOD: "device nodes",
  CAP_SYS_RESOURCE: "raising hard limits (ulimit)",
  CAP_CHOWN: "changing the owners of files",
  CAP_DAC_OVERRIDE: "files of other users",
  CAP_KILL: "signals to processes of other users",
  CAP_SYS_PTRACE: "entering containers of other users",
  CAP_SETFCAP: "file capabilities, and mapping root in a user namespace",
};

/** The checks of the caller. */
export function userChecks(facts: Facts, rootless: boolean): Check[] {
  return [privilege(facts, rootless), capabilities(facts), inside(facts)];
}

function privilege(facts: Facts, rootless: boolean): Check {
  const title = "Privileges";
  if (isPrivileged(facts)) {
    return check("This user", "privilege", title, {
      status: "ok",
      found: `${userName(facts)} with CAP_SYS_ADMIN`,
      means: facts.nestedUser
        ? "can create namespaces and mounts, as root of a user namespace, but not everything that root can"
        : "can create namespaces and mounts",
    });
  }
  if (facts.uid === 0) {
    return check("This user", "privilege", title, {
      status: "missing",
      found: "root without CAP_SYS_ADMIN",
      means:
        "namespaces and mounts need this capability, which was removed before this process started",
      cure: outerCure(facts, "SYS_ADMIN") ??
        "log in as root on the host itself",
      ...rootless ? {} : { stopsRun: true },
    });
  }
  return check("This user", "privilege", title, {
    status: rootless ? "ok" : "missing",
    found: `${userName(facts)}, not root`,
    means: rootless
      ? "a container of this user gets its privileges from a user namespace"
      : "run creates namespaces and mounts, which only root can do in this version",
    ...rootless ? {} : { cure: "sudo container run …", stopsRun: true },
  });
}

function capabilities(facts: Facts): Check {
  const title = "Capabilities";
  if (!isPrivileged(facts) && facts.uid !== 0) {
    return check("This user", "capabilities", title, {
      status: "information",
      found: "none of the required ones",
      means: "as for every user except root",
    });
  }
  const lacking = (Object.keys(WITHOUT) as (keyof typeof WITHOUT)[])
    .filter((name) => !hasCapability(facts.capabilities, name));
  if (!lacking.length && facts.nestedUser) {
    return check("This user", "capabilities", title, {
      status: "information",
      found: "all required ones, in this user namespace",
      means:
        "device nodes, raising hard limits and loop devices still require root outside",
    });
  }
  if (!lacking.length) {
    return check("This user", "capabilities", title, {
      status: "ok",
      found: "all required ones",
      means: "users, networks, devices and limits can be set",
    });
  }
  const gone = lacking.every((name) => !hasCapability(facts.bounding, name));
  const cure = gone
    ? outerCure(facts, lacking[0]!.replace("CAP_", ""))
    : undefined;
  return check("This user", "capabilities", title, {
    status: "warning",
    found: `without ${listed(lacking)}`,
    means: `${
      listed(lacking.map((name) => WITHOUT[name as keyof typeof WITHOUT]))
    } will fail${
      gone
        ? "; it was removed before this process started and cannot be regained here"
        : ""
    }`,
    ...cure ? { cure } : {},
  });
}

/**
 * How to get a capability that is missing from the start: only the container
 * around this process can give it.
 */
function outerCure({ inside }: Facts, name: string): string | undefined {
  return inside === "docker" || inside === "podman"
    ? `${inside} run --cap-add ${name} …  # for the container in which this runs`
    : undefined;
}

function inside({ inside, nestedUser, noNewPrivileges }: Facts): Check {
  const title = "Environment";
  const marks = [
    ...inside === null
      ? []
      : [inside === "nameless" ? "a container" : `a ${inside} container`],
    ...nestedUser ? ["a user namespace"] : [],
    ...noNewPrivileges ? ["no_new_privs"] : [],
  ];
  if (!marks.length) {
    return check("This user", "inside", title, {
      status: "ok",
      found: "not inside a detectable container",
      means: "no outer container restricts containers",
    });
  }
  return check("This user", "inside", title, {
    status: noNewPrivileges ? "warning" : "information",
    found: `within ${listed(marks)}`,
    means: noNewPrivileges
      ? "setuid programs (sudo, newuidmap) have no effect here"
      : "the outer system may forbid more than this report can detect",
    ...noNewPrivileges ? { cure: "use a session without no_new_privs" } : {},
  });
}
