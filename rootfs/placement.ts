/**
 * Decides where the tree sits. Root inside a container may leave a setuid file
 * in its tree, and a user of the host who can reach that file becomes root. The
 * tree's own directory must stay 0755, because it becomes the container's `/`;
 * so what keeps the host's users out has to be above it: a parent directory
 * open to its owner alone, or a mount with nosuid.
 *
 * @module
 */
import { RootfsError } from "./errors.ts";
import { mountOf, type MountPoint } from "./mountinfo.ts";

/** What the decision depends on. */
export interface PlacementFacts {
  /** Real, absolute path that the user will name. */
  readonly target: string;
  /** Mode and owner of the directory the target is in. */
  readonly parent: { readonly mode: number; readonly uid: number };
  readonly uid: number;
  readonly mounts: readonly MountPoint[];
}

/** Where the tree sits and why that is safe. */
export interface Placement {
  readonly kind: "closed parent" | "nosuid mount" | "hidden";
  /** The directory the tree is in; temporaries go beside it. */
  readonly home: string;
  /** The tree itself. */
  readonly tree: string;
  /** What the target links to, `null` where the target is the tree. */
  readonly link: string | null;
}

/** Chooses the plainest place that host users cannot run a setuid file from. */
export function decidePlacement(facts: PlacementFacts): Placement {
  const { target, parent, uid } = facts;
  const { dir } = splitPath(target);
  const plain = { home: dir, tree: target, link: null };
  if (parent.uid === uid && (parent.mode & 0o077) === 0) {
    return { kind: "closed parent", ...plain };
  }
  if (mountOf(dir, facts.mounts)?.options.includes("nosuid")) {
    return { kind: "nosuid mount", ...plain };
  }
  return hiddenPlacement(target);
}

/** The tree in a 0700 directory of its own, the target a link to it. */
export function hiddenPlacement(target: string): Placement {
  const { dir, base } = splitPath(target);
  const name = `.${base}.d`;
  const home = dir === "/" ? `/${name}` : `${dir}/${name}`;
  return {
    kind: "hidden",
    home,
    tree: `${home}/rootfs`,
    link: `${name}/rootfs`,
  };
}

/** One sentence on why the place is safe. */
export function describePlacement(shown: string, placement: Placement): string {
  const promise = "no other user of this host can run a setuid file made in it";
  switch (placement.kind) {
    case "closed parent":
      return `${shown} is in a directory open to you alone: ${promise}`;
    case "nosuid mount":
      return `${shown} is on a nosuid mount: ${promise}`;
    case "hidden":
      return `${shown} links to ${placement.link}, in a directory open to you alone (0700): ${promise}`;
  }
}

function splitPath(target: string): { dir: string; base: string } {
  const slash = target.lastIndexOf("/");
  const base = target.slice(slash + 1);
  if (slash < 0 || base === "") {
    throw new RootfsError(`Cannot place a root filesystem at ${target}`, {
      hint: "name a directory below /",
    });
  }
  return { dir: target.slice(0, slash) || "/", base };
}
