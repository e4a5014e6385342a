/**
 * Decides where the tree is placed. Pure.
 *
 * Root inside a container may leave a setuid file in its tree. A user of the
 * host who can reach that file becomes root. The tree's own directory needs
 * mode 0755, because it becomes the container's `/`. Therefore the protection
 * must be above it: a parent directory with access only for its owner, or a
 * mount with nosuid.
 *
 * @module
 */
import { RootfsError } from "./errors.ts";
import { mountOf, type MountPoint } from "./mountinfo.ts";

/** The facts that decide the place. */
export interface PlacementFacts {
  /** The absolute path, without links, that the user will name. */
  readonly target: string;
  /** Mode and owner of the target's parent directory. */
  readonly parent: { readonly mode: number; readonly uid: number };
  readonly uid: number;
  readonly mounts: readonly MountPoint[];
}

/** The place of the tree, and why it is safe. */
export interface Placement {
  readonly kind: "closed parent" | "nosuid mount" | "hidden";
  /**
   * The directory that contains the tree. Temporary directories are created in
   * it as well.
   */
  readonly home: string;
  /** The path of the tree. */
  readonly tree: string;
  /**
   * The link target if `target` is a link to the tree; `null` if it is the tree
   * itself.
   */
  readonly link: string | null;
}

/**
 * Chooses the simplest place from which host users cannot run a setuid file.
 */
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

/**
 * Places the tree in its own 0700 directory, with a link to it at the target.
 */
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

/** Says in one sentence why the place is safe. */
export function describePlacement(shown: string, placement: Placement): string {
  const promise = "other users of this host cannot run a setuid file in it";
  switch (placement.kind) {
    case "closed parent":
      return `${shown} is in a directory that only you can enter: ${promise}`;
    case "nosuid mount":
      return `${shown} is on a nosuid mount: ${promise}`;
    case "hidden":
      return `${shown} links to ${placement.link}, in a directory that only you can enter (0700): ${promise}`;
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
