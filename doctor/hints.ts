/**
 * Explains in one sentence why user namespaces are refused and how to fix it,
 * for the doctor and for errors of `run`. Pure, without FFI.
 */

import { sysctl } from "./check.ts";
import type { UserNamespaceFacts } from "./facts.ts";

/** A reason, and how to remove it. */
export interface Obstacle {
  setting: string;
  means: string;
  cure: string;
}

/**
 * The setting that forbids user namespaces to unprivileged users; null if none
 * does.
 */
export function userNamespaceObstacle(
  facts: UserNamespaceFacts,
): Obstacle | null {
  if (!facts.present) {
    return {
      setting: "not in this kernel",
      means: "it was built without CONFIG_USER_NS",
      cure: "boot a kernel of your distribution",
    };
  }
  if (facts.maximum === 0) {
    return {
      setting: "user.max_user_namespaces=0",
      means: "the limit allows no user namespaces",
      cure: sysctl("user.max_user_namespaces=15000"),
    };
  }
  if (facts.unprivilegedClone === 0) {
    return {
      setting: "kernel.unprivileged_userns_clone=0",
      means: "only root can create user namespaces",
      cure: sysctl("kernel.unprivileged_userns_clone=1"),
    };
  }
  if (facts.apparmorRestricts === 1) {
    return {
      setting: "kernel.apparmor_restrict_unprivileged_userns=1",
      means:
        "AppArmor removes the capabilities in a user namespace from every program without its own profile",
      cure: sysctl("kernel.apparmor_restrict_unprivileged_userns=0"),
    };
  }
  return null;
}

/**
 * The hint for an error message when user namespaces are forbidden to an
 * unprivileged user; null if no known setting forbids them.
 */
export function userNamespaceHint(facts: UserNamespaceFacts): string | null {
  const obstacle = userNamespaceObstacle(facts);
  if (!obstacle) return null;
  const { setting, means, cure } = obstacle;
  const [command] = cure.split("  #");
  return `User namespaces are forbidden here (${setting}): ${means}. ${
    cure.startsWith("sudo ") ? "Fix: " : "To fix this, "
  }${command}. See container doctor.`;
}
