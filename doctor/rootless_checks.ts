/** Checks of what containers without root need. Pure. */

import { atLeast, type Check, check, listed } from "./check.ts";
import {
  type Facts,
  type IdRange,
  type IdTool,
  install,
  isPrivileged,
  userName,
} from "./facts.ts";
import { userNamespaceObstacle } from "./hints.ts";
import { overlapping } from "../spec/ids.ts";
import { coveredProc } from "./mounts.ts";
import { forbiddenCure } from "./namespace_checks.ts";

/** How many ids a typical image needs. */
const ENOUGH = 65536;
const FIRST_SUBORDINATE = 100000;

/** The checks for users other than root. For root they are only information. */
export function rootlessChecks(facts: Facts): Check[] {
  const checks = [
    userNamespaces(facts),
    subordinate(facts, "subuid"),
    subordinate(facts, "subgid"),
    idTool(facts, "newuidmap"),
    idTool(facts, "newgidmap"),
    rootlessOverlay(facts),
    procCovered(facts),
  ];
  return isPrivileged(facts) ? checks.map(asInformation) : checks;
}

/** Something that root does not need is no defect. */
function asInformation(result: Check): Check {
  if (result.status === "ok") return result;
  const { cure: _, ...rest } = result;
  return { ...rest, status: "information" };
}

function userNamespaces(facts: Facts): Check {
  const { userNamespace, tried } = facts;
  const title = "User namespaces";
  const obstacle = userNamespaceObstacle(userNamespace);
  if (obstacle) {
    const { setting, means, cure } = obstacle;
    return check("Without root", "user-namespaces", title, {
      status: "missing",
      found: `forbidden: ${setting}`,
      means:
        `${means}; without user namespaces only root can create containers`,
      cure,
    });
  }
  if (tried?.asUser && !tried.ok) {
    return check("Without root", "user-namespaces", title, {
      status: "missing",
      found: `forbidden: ${tried.said}`,
      means:
        "no setting forbids it, so the cause is a seccomp filter, a security module or a covered /proc",
      cure: forbiddenCure(facts),
    });
  }
  return check("Without root", "user-namespaces", title, {
    status: "ok",
    found: "allowed",
    means: "a user is root inside a container, without privileges outside",
  });
}

function rangesOf(facts: Facts, ranges: readonly IdRange[]): IdRange[] {
  return ranges.filter(({ owner }) =>
    owner === facts.user || owner === String(facts.uid)
  );
}

function subordinate(facts: Facts, file: "subuid" | "subgid"): Check {
  const what = file === "subuid" ? "user IDs" : "group IDs";
  const title = `/etc/${file}`;
  if (facts.uid === 0) {
    const owners = [...new Set(facts[file].map(({ owner }) => owner))];
    return check("Without root", file, title, {
      status: "information",
      found: owners.length ? `${what} for ${listed(owners)}` : `no ${what}`,
      means:
        "root does not need any; containers of ordinary users use these IDs",
    });
  }
  const own = rangesOf(facts, facts[file]);
  const fault = faultOf(own, file, facts);
  if (fault) {
    return check("Without root", file, title, {
      status: "missing",
      ...fault,
      means: "the kernel refuses them, so --userns auto does not work",
    });
  }
  const count = own.reduce((sum, range) => sum + range.count, 0);
  if (count >= ENOUGH) {
    return check("Without root", file, title, {
      status: "ok",
      found: `${count} ${what} from ${own[0]!.start}`,
      means: "users of an image other than root get their own IDs",
    });
  }
  return check("Without root", file, title, {
    status: count ? "warning" : "missing",
    found: count
      ? `only ${count} ${what} for ${userName(facts)}`
      : `no ${what} for ${userName(facts)}`,
    means: `a container without root has ${
      count ? "few users" : "one user only"
    }: most images need ${ENOUGH} IDs`,
    cure: subordinateCure(facts, file),
  });
}

/**
 * Why the kernel would not map the ranges; null if it would.
 */
function faultOf(
  ranges: readonly IdRange[],
  file: "subuid" | "subgid",
  facts: Facts,
): { found: string; cure: string } | null {
  const last = ({ start, count }: IdRange) => start + count - 1;
  const twice = overlapping(
    ranges.map(({ start, count }) => ({ first: start, size: count })),
  );
  if (twice) {
    const [one, other] = twice.map((index) => ranges[index]!);
    return {
      found: `${other!.start} to ${last(other!)} and ${one!.start} to ${
        last(one!)
      } overlap`,
      cure: `sudoedit /etc/${file}  # remove one of the two lines`,
    };
  }
  const id = file === "subuid" ? facts.uid : facts.gid;
  const around = ranges.find((range) => id >= range.start && id <= last(range));
  return around
    ? {
      found: `${around.start} to ${
        last(around)
      } contain the user's own ID ${id}`,
      cure: `sudo usermod --del-${file}s ${around.start}-${last(around)} ${
        facts.user ?? facts.uid
      }`,
    }
    : null;
}

/** The command that adds a range which no other user has. */
function subordinateCure(facts: Facts, file: "subuid" | "subgid"): string {
  const start = Math.max(
    FIRST_SUBORDINATE,
    ...facts[file].map((range) => range.start + range.count),
  );
  if (facts.user === null) {
    return `echo ${facts.uid}:${start}:${ENOUGH} | sudo tee -a /etc/${file}`;
  }
  const flag = file === "subuid" ? "--add-subuids" : "--add-subgids";
  return `sudo usermod ${flag} ${start}-${start + ENOUGH - 1} ${facts.user}`;
}

function idTool(facts: Facts, name: "newuidmap" | "newgidmap"): Check {
  const tool: IdTool | null = facts[name];
  const uses = `gives a container the IDs of /etc/${
    name === "newuidmap" ? "subuid" : "subgid"
  }`;
  if (tool === null) {
    return check("Without root", name, name, {
      status: "missing",
      found: "not installed",
      means: `it ${uses}`,
      cure: install(facts.packager, {
        "apt-get": "uidmap",
        dnf: "shadow-utils",
        zypper: "shadow",
        pacman: "shadow",
      }),
    });
  }
  if (tool.right === null) {
    return check("Without root", name, name, {
      status: "missing",
      found: `${tool.path} does not have permission to map IDs`,
      means: `it ${uses}, which requires setuid root`,
      cure: `sudo chown root ${tool.path} && sudo chmod u+s ${tool.path}`,
    });
  }
  if (facts.noNewPrivileges) {
    return check("Without root", name, name, {
      status: "missing",
      found: `${tool.path} has no effect under no_new_privs`,
      means: `it ${uses}, which requires privileges`,
      cure: "use a session without no_new_privs",
    });
  }
  return check("Without root", name, name, {
    status: "ok",
    found: `${tool.path} (${
      tool.right === "setuid" ? "setuid root" : "file capability"
    })`,
    means: uses,
  });
}

function rootlessOverlay({ kernel }: Facts): Check {
  const fine = atLeast(kernel, 5, 11);
  return check("Without root", "rootless-overlay", "Overlay without root", {
    status: fine ? "ok" : "warning",
    found: fine ? "in this kernel" : `not in Linux ${kernel}`,
    means: fine
      ? "containers of ordinary users share image layers without copying"
      : "images of ordinary users are copied for each container, which is slower and needs more space",
    ...fine ? {} : { cure: "install a kernel 5.11 or newer and boot it" },
  });
}

function procCovered({ mounts, tried }: Facts): Check {
  const covered = coveredProc(mounts);
  const title = "Uncovered /proc";
  if (!covered.length || (tried?.ok && tried.asUser)) {
    return check("Without root", "proc-covered", title, {
      status: "ok",
      found: "no important file is covered",
      means: "a user namespace can mount its own /proc",
    });
  }
  return check("Without root", "proc-covered", title, {
    status: "missing",
    found: `covered: ${covered.slice(0, 3).join(", ")}${
      covered.length > 3 ? `, and ${covered.length - 3} more` : ""
    }`,
    means:
      "the kernel does not allow a new /proc in a user namespace while parts of the existing one are covered",
    cure:
      "podman run --security-opt unmask=ALL …  # for the container in which this runs",
  });
}
