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
    use: "creates the first process of a container in its namespaces",
    neededByRun: true,
  },
  close_range: {
    since: "5.9",
    use: "closes all open files of the host before the command starts",
    neededByRun: true,
  },
  openat2: {
    since: "5.6",
    use: "opens a path so that links cannot lead outside the root filesystem",
  },
  pidfd_open: {
    since: "5.3",
    use: "refers to a process safely, even if its PID is used again",
  },
  mount_setattr: {
    since: "5.12",
    use:
      "makes a whole tree of mounts read-only, or maps its owners, in one call",
  },
  open_tree: {
    since: "5.2",
    use: "creates a mount without a path, for volumes",
  },
  fsopen: {
    since: "5.2",
    use: "creates a file system step by step, with detailed errors",
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
      ? "one of the two that container supports"
      : "container supports only x86_64 and aarch64",
    ...known
      ? {}
      : { cure: "use an x86_64 or aarch64 machine", stopsRun: true },
  });
}

function glibc({ glibc }: Facts): Check {
  const title = "C library";
  if (glibc !== null) {
    return check("Machine", "glibc", title, {
      status: "ok",
      found: `glibc ${glibc}`,
      means: "container uses it to make system calls",
    });
  }
  return check("Machine", "glibc", title, {
    status: "missing",
    found: "libc.so.6 cannot be loaded",
    means:
      "container uses the GNU C library to make system calls and cannot run without it",
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
      ? `${FLOOR.join(".")} or newer has all required system calls`
      : `container requires ${
        FLOOR.join(".")
      } or newer; the missing calls are listed below`,
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
      found: "available",
      means: use,
    });
  }
  if (answer === "unknown") {
    return check("Machine", id, name, {
      status: "missing",
      found: "cannot be checked without a C library",
      means: use,
    });
  }
  const hidden = refused || !old;
  return check("Machine", id, name, {
    status: "missing",
    found: hidden
      ? `blocked (${answer}), although Linux ${facts.kernel} has it`
      : `${absent ? "not" : "incomplete"} in Linux ${facts.kernel}`,
    means: hidden
      ? `${use}; a seccomp filter on this process blocks it`
      : `${use}; requires Linux ${since}`,
    cure: hidden
      ? hiddenCure(facts)
      : `install a kernel ${since} or newer and boot it`,
    ...neededByRun ? { stopsRun: true } : {},
  });
}

function hiddenCure({ inside }: Facts): string {
  return inside === "docker" || inside === "podman"
    ? `${inside} run --security-opt seccomp=unconfined …  # for the container in which this runs`
    : "start this session without the seccomp filter";
}

function memfd({ memfdNoexec }: Facts): Check {
  const title = "Executable memory files";
  if (memfdNoexec === 2) {
    return check("Machine", "memfd", title, {
      status: "warning",
      found: "forbidden (vm.memfd_noexec=2)",
      means:
        "the small program that enters a container cannot be started from memory; a private file in /run, /dev/shm or /tmp is used instead",
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
    found: kvm ? "available" : "not available",
    means:
      "not needed: a container shares the host's kernel and is not a virtual machine",
  });
}
