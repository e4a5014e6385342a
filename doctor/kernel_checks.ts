/**
 * Checks of the machine: processor, C library, kernel, and its system calls.
 * Pure.
 */

import { PROBED_CALLS, type ProbedCall } from "../ffi/probe.ts";
import { atLeast, type Check, check, sysctl } from "./check.ts";
import type { Facts } from "./facts.ts";

const ARCHITECTURES = ["x86_64", "aarch64"];

/** The oldest kernel with every system call that is used. */
const FLOOR = [5, 12] as const;

const CALLS: Record<
  ProbedCall,
  { since: string; use: string; neededByRun?: true }
> = {
  clone3: {
    // clone3 came with 5.3, but run uses its flag CLONE_CLEAR_SIGHAND of 5.5.
    since: "5.5",
    use: "makes the first process of a container in its namespaces",
    neededByRun: true,
  },
  close_range: {
    since: "5.9",
    use: "closes every open file of the host before the command starts",
    neededByRun: true,
  },
  openat2: {
    since: "5.6",
    use: "opens a path that no link can lead out of the root file system",
  },
  pidfd_open: {
    since: "5.3",
    use:
      "holds on to a process, so that its number cannot come to mean another",
  },
  mount_setattr: {
    since: "5.12",
    use: "makes a whole tree of mounts read-only, or maps its owners, at once",
  },
  open_tree: {
    since: "5.2",
    use: "takes hold of a mount without a path, for volumes",
  },
  fsopen: {
    since: "5.2",
    use: "makes a file system step by step, and says what is wrong with it",
  },
};

/** The checks of the machine. */
export function kernelChecks(facts: Facts): Check[] {
  return [
    architecture(facts),
    glibc(facts),
    kernel(facts),
    ...PROBED_CALLS.map((name) => call(facts, name)),
    memfd(facts),
    kvm(facts),
  ];
}

function architecture({ arch }: Facts): Check {
  const known = ARCHITECTURES.includes(arch);
  return check("Machine", "architecture", "Processor", {
    status: known ? "ok" : "missing",
    found: arch,
    means: known
      ? "one of the two that container is made for"
      : "container is made for x86_64 and aarch64 only",
    ...known ? {} : { cure: "use such a machine", stopsRun: true },
  });
}

function glibc({ glibc }: Facts): Check {
  const title = "C library";
  if (glibc !== null) {
    return check("Machine", "glibc", title, {
      status: "ok",
      found: `glibc ${glibc}`,
      means: "system calls are made through it",
    });
  }
  return check("Machine", "glibc", title, {
    status: "missing",
    found: "libc.so.6 cannot be loaded",
    means:
      "system calls are made through the GNU C library; nothing can be asked of the kernel without it",
    cure: "use a system with glibc (Debian, Ubuntu, Fedora and most others)",
    stopsRun: true,
  });
}

function kernel({ kernel }: Facts): Check {
  const fine = atLeast(kernel, ...FLOOR);
  return check("Machine", "kernel", "Kernel", {
    status: fine ? "ok" : "warning",
    found: `Linux ${kernel}`,
    means: fine
      ? `${FLOOR.join(".")} or newer has every call that is used`
      : `container is made for ${
        FLOOR.join(".")
      } and newer; what this one lacks is below`,
    ...fine ? {} : { cure: "install a newer kernel and boot it" },
  });
}

function call(facts: Facts, name: ProbedCall): Check {
  const { since, use, neededByRun } = CALLS[name];
  const answer = facts.calls[name];
  const id = `call-${name}`;
  const [major = 0, minor = 0] = since.split(".").map(Number);
  const old = !atLeast(facts.kernel, major, minor);
  const incomplete = old && name === "clone3";
  // fsopen checks the permission to mount before anything else.
  const refused = answer === "EPERM" && name !== "fsopen";
  const absent = answer === "ENOSYS" || answer === "unknown";
  if (!absent && !refused && !incomplete) {
    return check("Machine", id, name, {
      status: "ok",
      found: "there",
      means: use,
    });
  }
  if (answer === "unknown") {
    return check("Machine", id, name, {
      status: "missing",
      found: "cannot be asked for without a C library",
      means: use,
    });
  }
  const hidden = refused || !old;
  return check("Machine", id, name, {
    status: "missing",
    found: hidden
      ? `hidden (${answer}), though Linux ${facts.kernel} has it`
      : `${absent ? "not" : "incomplete"} in Linux ${facts.kernel}`,
    means: hidden
      ? `${use}; a seccomp filter around this process keeps it away`
      : `${use}; came with Linux ${since}`,
    cure: hidden
      ? hiddenCure(facts)
      : `install a kernel ${since} or newer and boot it`,
    ...neededByRun ? { stopsRun: true } : {},
  });
}

function hiddenCure({ inside }: Facts): string {
  return inside === "docker" || inside === "podman"
    ? `${inside} run --security-opt seccomp=unconfined …  # for the container this runs in`
    : "start this session without the seccomp filter";
}

function memfd({ memfdNoexec }: Facts): Check {
  const title = "Programs in memory";
  if (memfdNoexec === 2) {
    return check("Machine", "memfd", title, {
      status: "warning",
      found: "forbidden (vm.memfd_noexec=2)",
      means:
        "the small program that enters a container is started from memory; now it needs a private file in /run, /dev/shm or /tmp instead",
      cure: sysctl("vm.memfd_noexec=1"),
    });
  }
  return check("Machine", "memfd", title, {
    status: "ok",
    found: memfdNoexec === null
      ? "allowed"
      : `allowed (vm.memfd_noexec=${memfdNoexec})`,
    means: "the small program that enters a container is started from memory",
  });
}

function kvm({ kvm }: Facts): Check {
  return check("Machine", "kvm", "KVM", {
    status: "information",
    found: kvm ? "there" : "not there",
    means:
      "not needed: a container shares the kernel and is no virtual machine",
  });
}
