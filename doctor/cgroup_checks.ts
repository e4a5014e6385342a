/**
 * Checks of cgroups: the version, the controllers, and who may use them. Pure.
 */

import { type Check, check, listed } from "./check.ts";
import { type Facts, isPrivileged } from "./facts.ts";

/** The controllers that flags of `run` need, and what each limits. */
const WANTED = { cpu: "processor time", memory: "memory", pids: "processes" };

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
        means: "the kernel's way to limit and count what a container uses",
      });
    case "v1":
      return check("Resource limits", id, title, {
        status: "ok",
        found: "version 1",
        means: "the older kind: limits work for root, not for other users",
      });
    case "hybrid":
      return check("Resource limits", id, title, {
        status: "ok",
        found: `version 1, with version 2 beside it at ${
          facts.cgroup.v2!.path
        } (hybrid)`,
        means: "limits go through version 1: for root, not for other users",
      });
    case "none":
      return check("Resource limits", id, title, {
        status: "missing",
        found: "not mounted",
        means: "containers run, but nothing limits what they use",
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
      means: "each limits one thing; cpu, memory and pids are what flags set",
    });
  }
  return check("Resource limits", "cgroup-controllers", title, {
    status: "warning",
    found: `without ${listed(lacking.map(([name]) => name))}${
      found.length ? ` (there: ${found.join(" ")})` : ""
    }`,
    means: `nothing limits ${listed(lacking.map(([, what]) => what))}`,
    cure: lacking.some(([name]) => name === "memory")
      ? "add cgroup_enable=memory to the kernel's command line and boot again"
      : "mount these controllers, or boot with cgroup version 2",
  });
}

function access(facts: Facts): Check {
  const id = "cgroup-access";
  const { cgroup } = facts;
  if (isPrivileged(facts)) {
    const title = "Making cgroups";
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
          ? "each container gets one of its own"
          : "there is none to make them in",
      });
    }
    return check("Resource limits", id, title, {
      status: "warning",
      found: `read-only: ${shut.join(", ")}`,
      means: "limits cannot be set, for the cgroups belong to somebody outside",
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
      means: "without root, containers run with no limits",
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
      found: "no cgroup is this user's own",
      means: "without root, containers run with no limits",
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
      ? `this user may not limit ${
        listed(lacking.map((name) => WANTED[name as keyof typeof WANTED]))
      }`
      : "this user may limit its containers",
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
    found: systemd ? "runs this machine" : "does not run this machine",
    means: systemd
      ? "it owns the cgroups; what was delegated is ours to use"
      : "not needed: cgroups are made directly",
  });
}
