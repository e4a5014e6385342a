/**
 * Checks of file systems: those for root filesystems, and the place of the
 * state. Pure.
 */

import { type Check, check } from "./check.ts";
import type { Facts } from "./facts.ts";
import { mountAt } from "./mounts.ts";

const ENOUGH_FOR = {
  overlay: "image layers are combined without copying",
  squashfs: "an image in one compressed file can be mounted",
  ext4: "a disk image can be mounted",
};

/** The checks of file systems. */
export function filesystemChecks(facts: Facts, rootless: boolean): Check[] {
  return [
    proc(facts),
    pivotRoot(facts, rootless),
    propagation(facts),
    kind(facts, "overlay"),
    kind(facts, "squashfs"),
    kind(facts, "ext4"),
    loop(facts),
    devpts(facts),
    state(facts),
  ];
}

function proc({ mounts }: Facts): Check {
  const mounted = mountAt(mounts, "/proc")?.type === "proc";
  return check("File systems", "proc", "/proc", {
    status: mounted ? "ok" : "missing",
    found: mounted ? "mounted" : "not mounted",
    means: mounted
      ? "the kernel provides information there"
      : "much of this report is read from /proc, and run also needs it",
    ...mounted ? {} : { cure: "sudo mount -t proc proc /proc", stopsRun: true },
  });
}

function pivotRoot({ mounts, nestedUser }: Facts, rootless: boolean): Check {
  if (nestedUser && !rootless) {
    // The kernel allows a new proc mount in a user namespace only while
    // another, fully visible one exists.
    return check("File systems", "pivot-root", "pivot_root", {
      status: "warning",
      found: "not in a user namespace, in this version",
      means:
        "run cannot mount /proc after pivot_root; chroot works, but root inside can escape from it",
      cure: "container run --chroot …",
    });
  }
  const initramfs = mountAt(mounts, "/")?.type === "rootfs";
  return check("File systems", "pivot-root", "pivot_root", {
    status: initramfs ? "warning" : "ok",
    found: initramfs ? "impossible: / is the initramfs" : "possible",
    means: initramfs
      ? "run uses chroot instead, from which root inside can escape"
      : "the host's files are detached from a container, not only hidden",
    ...initramfs
      ? { cure: "boot from a disk, or switch_root to a tmpfs first" }
      : {},
  });
}

function propagation({ mounts }: Facts): Check {
  const shared = mountAt(mounts, "/")?.shared ?? false;
  return check("File systems", "propagation", "Mounts of /", {
    status: "information",
    found: shared ? "shared" : "private",
    means: shared
      ? "as set by systemd; a container stops the propagation first, so its mounts stay inside"
      : "later mounts on the host do not appear in a container",
  });
}

function kind(facts: Facts, name: keyof typeof ENOUGH_FOR): Check {
  const optional = name !== "overlay";
  const title = name;
  if (facts.filesystems.includes(name)) {
    return check("File systems", name, title, {
      status: "ok",
      found: "in the kernel",
      means: ENOUGH_FOR[name],
    });
  }
  if (facts.modules.includes(name)) {
    return check("File systems", name, title, {
      status: "ok",
      found: "a module, not loaded yet",
      means: `${ENOUGH_FOR[name]}; the first mount by root loads it`,
    });
  }
  return check("File systems", name, title, {
    status: optional ? "information" : "missing",
    found: "neither in the kernel nor a module",
    means: optional
      ? `images of this type cannot be used; others work`
      : "images are copied for each container, which is slower and needs more space",
    ...optional ? {} : { cure: `sudo modprobe ${name}` },
  });
}

function loop({ loopControl, modules }: Facts): Check {
  const able = loopControl || modules.includes("loop");
  return check("File systems", "loop", "Loop devices", {
    status: able ? "ok" : "information",
    found: loopControl
      ? "/dev/loop-control exists"
      : able
      ? "a module, not loaded yet"
      : "not available",
    means: able
      ? "image files can probably be mounted; only root can try it"
      : "image files cannot be mounted; directories work",
    ...loopControl || !able ? {} : { cure: "sudo modprobe loop" },
  });
}

function devpts({ filesystems }: Facts): Check {
  const there = filesystems.includes("devpts");
  return check("File systems", "devpts", "Terminals (devpts)", {
    status: there ? "ok" : "missing",
    found: there ? "in the kernel" : "not in this kernel",
    means: there
      ? "each container can have its own terminals"
      : "no terminal inside a container",
    ...there ? {} : { cure: "boot a kernel with CONFIG_UNIX98_PTYS" },
  });
}

function state({ stateBase, uid }: Facts): Check {
  const title = "State directory";
  if ("problem" in stateBase) {
    return check("File systems", "state", title, {
      status: "warning",
      found: stateBase.problem,
      means: "there is no place to record containers",
      cure: stateBase.fix ??
        `export XDG_RUNTIME_DIR=$(mktemp -d)  # or log in through systemd: /run/user/${uid}`,
    });
  }
  const { directory, path, missing, writable } = stateBase;
  return check("File systems", "state", title, {
    status: writable ? "ok" : "warning",
    found: writable ? directory : `${path} is not writable`,
    means: writable
      ? directory.startsWith("/run/")
        ? "records the containers until the next boot"
        : "records the containers"
      : "there is no place to record containers",
    ...writable ? {} : {
      cure: uid === 0 && directory === "/run/container"
        ? "sudo mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run"
        : uid === 0
        ? `mount -o remount,rw ${path}  # or name another directory with --root`
        : `sudo install -d -m 700 -o ${uid} ${missing ?? path}`,
    },
  });
}
