/** Checks of further protection, and of optional programs. Pure. */

import { type Check, check } from "./check.ts";
import { type Facts, install } from "./facts.ts";

/** The checks of seccomp, keyrings and security modules. */
export function protectionChecks(facts: Facts): Check[] {
  return [
    seccomp(facts),
    keyrings(facts),
    apparmor(facts),
    selinux(facts),
    landlock(facts),
  ];
}

function seccomp({ seccomp, seccompFiltered }: Facts): Check {
  const title = "seccomp";
  if (seccomp === null) {
    return check("Protection", "seccomp", title, {
      status: "missing",
      found: "not in this kernel",
      means: "system calls that a container does not need cannot be refused",
      cure: "boot a kernel with CONFIG_SECCOMP_FILTER",
    });
  }
  const errno = seccomp.includes("errno") && seccomp.includes("allow");
  return check("Protection", "seccomp", title, {
    status: errno ? "ok" : "warning",
    found: `filters${
      seccompFiltered ? ", and this process already has one" : ""
    }: ${seccomp.join(" ")}`,
    means: errno
      ? "system calls that a container does not need can be refused"
      : "a filter can only kill processes, not refuse calls",
    ...errno ? {} : { cure: "install a kernel 4.14 or newer and boot it" },
  });
}

function keyrings({ keyrings }: Facts): Check {
  return check("Protection", "keyrings", "session keyrings", {
    status: keyrings ? "ok" : "information",
    found: keyrings ? "in this kernel" : "not in this kernel",
    means: keyrings
      ? "a container gets its own keyring and none of the caller's keys"
      : "the caller has no keys that a container could access",
  });
}

function apparmor({ apparmor, label }: Facts): Check {
  const confined = apparmor && label !== null &&
    !label.startsWith("unconfined");
  return check("Protection", "apparmor", "AppArmor", {
    status: confined ? "warning" : apparmor ? "ok" : "information",
    found: !apparmor
      ? "not on this machine"
      : confined
      ? `this process is confined by ${label}`
      : "enabled, but this process is not confined",
    means: !apparmor
      ? "optional: profiles cannot be used"
      : confined
      ? "the profile may forbid mounts and namespaces; only root can read it"
      : "profiles can be used",
    ...confined ? { cure: "start this session without that profile" } : {},
  });
}

function selinux({ selinux, label }: Facts): Check {
  return check("Protection", "selinux", "SELinux", {
    status: selinux === null ? "information" : "ok",
    found: selinux === null
      ? "not on this machine"
      : `${selinux}${label ? `, this process is ${label}` : ""}`,
    means: selinux === null
      ? "optional: labels cannot be used"
      : "labels can be used; files of a root filesystem may need one",
  });
}

function landlock({ landlock }: Facts): Check {
  const version = typeof landlock === "number";
  return check("Protection", "landlock", "Landlock", {
    status: version ? "ok" : "information",
    found: version
      ? `version ${landlock}`
      : landlock === "EOPNOTSUPP"
      ? "in the kernel, but disabled (lsm=)"
      : "not on this machine",
    means: version
      ? "an unprivileged process can restrict its own access to files"
      : "optional: there is no additional restriction of file access",
  });
}

/** The checks of programs. All of them are optional. */
export function programChecks(facts: Facts): Check[] {
  return [
    program(facts, "nft", "writes the firewall rules for container networks", {
      "apt-get": "nftables",
      dnf: "nftables",
      zypper: "nftables",
      pacman: "nftables",
    }),
    program(facts, "ip", "shows networks, for troubleshooting", {
      "apt-get": "iproute2",
      dnf: "iproute",
      zypper: "iproute2",
      pacman: "iproute2",
    }),
  ];
}

function program(
  facts: Facts,
  name: keyof Facts["programs"],
  means: string,
  packages: Parameters<typeof install>[1],
): Check {
  const path = facts.programs[name];
  return check("Programs", `program-${name}`, name, {
    status: path ? "ok" : "information",
    found: path ?? "not installed",
    means: `optional: ${means}`,
    ...path ? {} : { cure: install(facts.packager, packages) },
  });
}
