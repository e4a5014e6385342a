/**
 * Checks of cgroups: the version, the controllers, and who may use them. Pure.
 */

import { type Check, check, listed } from "./check.ts";
import { type Facts, isPrivileged } from "./facts.ts";

/** The controllers that flags of `run` need, and what each limits. */
const WANTED = { cpu: "CPU time", memory: "memory", pids: "processes" };

const DELEGATE =
  "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload  # then log in again";

/** The checks of cgroups. */
export function cgroupChecks(facts: Facts): Check[] {
  return [version(facts), controllers(facts), access(facts), systemd(facts)];
}

type Version = "none" | "v1" | "v2" | "hybrid";

/**
 * The cgroup version. Hybrid: v1 has the controllers, and a v2 mount without
 * any exists as well.
 */
export function cgroupVersion({ cgroup }: Facts): Version {
  if (cgroup.v1.length) return cgroup.v2 ? "hybrid" : "v1";
  return cgroup.v2 ? "v2" : "none";
}

function version(facts: Facts): Check {
  const title = "Cgroups";
  const id = "cgroup-version";
  switch (cgroupVersion(facts)) {
    case "v2":
      return check("Resource limits", id, title, {
        status: "ok",
        found: `version 2 at ${facts.cgroup.v2!.path}`,
        means:
          "the kernel can limit and count the resource usage of containers",
      });
    case "v1":
      return check("Resource limits", id, title, {
        status: "ok",
        found: "version 1",
        means: "the older version: limits work for root, not for other users",
      });
    case "hybrid":
      return check("Resource limits", id, title, {
        status: "ok",
        found: `version 1, and also version 2 at ${
          facts.cgroup.v2!.path
        } (hybrid)`,
        means: "limits use version 1: they work for root, not for other users",
      });
    case "none":
      return check("Resource limits", id, title, {
        status: "missing",
        found: "not mounted",
        means: "containers run, but not with limits",
        cure: "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup",
      });
  }
}

/** The controllers that exist on this machine. */
function usable({ cgroup }: Facts): string[] {
  const v1 = cgroup.v1.flatMap(({ controllers }) => controllers);
  return [...new Set([...v1, ...cgroup.v2?.controllers ?? []])].sort();
}

function controllers(facts: Facts): Check {
  const title = "Controllers";
  const found = usable(facts);
  const lacking = Object.entries(WANTED).filter(([name]) =>
    !found.includes(name)
  );
  if (!lacking.length) {
    return check("Resource limits", "cgroup-controllers", title, {
      status: "ok",
      found: found.join(" "),
      means: "each controls one resource; the flags use cpu, memory and pids",
    });
  }
  return check("Resource limits", "cgroup-controllers", title, {
    status: "warning",
    found: `without ${listed(lacking.map(([name]) => name))}${
      found.length ? ` (available: ${found.join(" ")})` : ""
    }`,
    means: `there is no limit for ${listed(lacking.map(([, what]) => what))}`,
    cure: lacking.some(([name]) => name === "memory")
      ? "add cgroup_enable=memory to the kernel's command line and boot again"
      : "mount these controllers, or boot with cgroup version 2",
  });
}

function access(facts: Facts): Check {
  const id = "cgroup-access";
  const { cgroup } = facts;
  if (isPrivileged(facts)) {
    const title = "Creating cgroups";
    const shut = [
      ...cgroup.v1.filter(({ writable }) => !writable).map(({ path }) => path),
      ...cgroup.v2 && !cgroup.v1.length && !cgroup.v2.writable
        ? [cgroup.v2.path]
        : [],
    ];
    if (!shut.length) {
      const any = cgroup.v1.length > 0 || cgroup.v2 !== null;
      return check("Resource limits", id, title, {
        status: any ? "ok" : "missing",
        found: any ? "writable" : "no cgroups",
        means: any
          ? "containers with limits, or in the background, get their own cgroup"
          : "there is no place to create cgroups in",
      });
    }
    return check("Resource limits", id, title, {
      status: "warning",
      found: `read-only: ${shut.join(", ")}`,
      means:
        "limits cannot be set, because the cgroups belong to an outer system",
      cure: facts.inside === null
        ? `sudo mount -o remount,rw ${shut[0]}`
        : "run this container with --privileged, or with its own cgroups writable",
    });
  }
  return delegation(facts, id);
}

/**
 * For users other than root: whether a part of the tree is delegated to them.
 */
function delegation(facts: Facts, id: string): Check {
  const title = "Delegation";
  const { v2, delegated } = facts.cgroup;
  if (cgroupVersion(facts) !== "v2") {
    return check("Resource limits", id, title, {
      status: "missing",
      found: "needs cgroup version 2",
      means: "without root, containers run, but not with limits",
      ...facts.systemd
        ? {
          cure:
            "add systemd.unified_cgroup_hierarchy=1 to the kernel's command line and boot again",
        }
        : facts.uid === 0
        ? {}
        : { cure: "sudo container run …" },
    });
  }
  const branch = v2?.writable ? v2 : delegated;
  if (branch === null) {
    return check("Resource limits", id, title, {
      status: "missing",
      found: "this user does not own a cgroup",
      means: "without root, containers run, but not with limits",
      cure: facts.systemd
        ? `sudo loginctl enable-linger ${facts.user ?? facts.uid}`
        : ownCgroup(facts.uid, v2!.path),
    });
  }
  const lacking = Object.keys(WANTED).filter((name) =>
    !branch.controllers.includes(name)
  );
  return check("Resource limits", id, title, {
    status: lacking.length ? "warning" : "ok",
    found: `${branch.path}: ${
      branch.controllers.join(" ") || "no controllers"
    }`,
    means: lacking.length
      ? `this user cannot limit ${
        listed(lacking.map((name) => WANTED[name as keyof typeof WANTED]))
      }`
      : "this user can limit its containers",
    ...lacking.length
      ? {
        cure: facts.systemd
          ? DELEGATE
          : `echo "+cpu +memory +pids" | sudo tee ${
            v2!.path
          }/cgroup.subtree_control`,
      }
      : {},
  });
}

/** The command that gives a user, and the shell it is typed in, a cgroup. */
function ownCgroup(uid: number, top: string): string {
  const dir = `${top}/user-${uid}`;
  return `sudo mkdir ${dir} && sudo chown ${uid} ${dir} ${dir}/cgroup.procs ${dir}/cgroup.subtree_control && echo $$ | sudo tee ${dir}/cgroup.procs`;
}

function systemd({ systemd }: Facts): Check {
  return check("Resource limits", "systemd", "systemd", {
    status: "information",
    found: systemd ? "manages this machine" : "does not manage this machine",
    means: systemd
      ? "it owns the cgroups; container uses the delegated ones"
      : "not needed: cgroups are created directly",
  });
}
