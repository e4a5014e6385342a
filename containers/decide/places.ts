/**
 * Finds where the mounts of a container will be, and where they will come from.
 * This matters if the root filesystem has links that lead to nothing yet, or if
 * an earlier mount shows the source of a later one. Only reads and decides;
 * changes nothing. Runs on the host, before any mount is made.
 *
 * The root filesystem can change in the meantime. The results therefore only
 * say where to create something; they never replace the path inside the root.
 */

import { SyscallError } from "../../ffi/errno.ts";
import type { ClosedDirectory, Facts } from "../../plan/facts.ts";
import { isMapped } from "../../plan/mounts/host_mounts.ts";
import { isKernelPath } from "../../plan/mounts/kernel_places.ts";
import { directoriesAbove, PathMap } from "../../plan/mounts/paths.ts";
import { isBind } from "../../plan/mounts/options.ts";
import type { Mount, Spec } from "../../spec/types.ts";
import type { FileInfo, OpenDirectory, World } from "../world/world.ts";
import { orNull } from "./requester.ts";

/** The kernel follows as many links, path_resolution(7). */
const MAX_LINKS = 40;

/** What the mounts need to know about paths. */
export interface Places {
  /**
   * Maps a path of the Spec that ends at nothing because of a link to the path
   * it leads to.
   */
  ends: Record<string, string>;
  /**
   * The path inside of a mount's source, by the mount's index, if an earlier
   * mount shows that source.
   */
  revealed: Record<number, string>;
  /** The sources of such mounts that are not directories. */
  files: string[];
  closed?: ClosedDirectory[];
}

/** What exists at a path without links; null if nothing does. */
type Found = { link: string } | { directory: boolean } | null;

const isWithin = (path: string, directory: string) =>
  path === directory || directory === "/" || path.startsWith(`${directory}/`);

/** What {@linkcode findPlaces} needs to know in addition to the Spec. */
export interface PlaceOptions extends Pick<Facts, "rootKind" | "overlay"> {
  /**
   * The caller may enter directories that root of the user namespace may not.
   */
  entersMore: boolean;
  /** Files that a host step makes before they are mounted. */
  madeFiles: readonly string[];
}

/**
 * Examines the paths of a Spec. Most results exist only if the root filesystem
 * is a directory.
 */
export function findPlaces(
  spec: Spec,
  { rootKind, overlay, entersMore, madeFiles }: PlaceOptions,
  world: World,
): Places {
  const places: Places = { ends: {}, revealed: {}, files: [] };
  const closed = entersMore ? closedDirectories(spec, madeFiles, world) : [];
  if (closed.length) places.closed = closed;
  if (rootKind !== "directory") return places;
  try {
    using root = world.openDirectory(spec.root.path);
    const tree = new Tree(root, overlay?.upper ?? null, world);
    for (const [index, mount] of (spec.mounts ?? []).entries()) {
      const inside = overlay ? null : revealedBy(tree, spec, mount);
      if (inside !== null) {
        places.revealed[index] = inside;
        const found = tree.follow(inside)?.found;
        if (found && !("link" in found) && !found.directory) {
          places.files.push(mount.source!);
        }
      }
      const { destination } = mount;
      // A link at a kernel mount is refused later, so nothing is created for
      // it.
      tree.mount(
        mount,
        isKernelPath(destination)
          ? destination
          : noteEnd(tree, destination, places),
      );
    }
    noteEnd(tree, spec.process.cwd, places);
    return places;
  } catch (error) {
    // A caller that may not look cannot mount either. That error is reported
    // later.
    if (error instanceof SyscallError) return places;
    throw error;
  }
}

/** Returns where a path ends, and notes it if nothing exists there. */
function noteEnd(tree: Tree, path: string, { ends }: Places): string {
  if (tree.has(path)) return path;
  const end = tree.follow(path);
  if (!end) return path;
  if (!end.found && end.path !== path) ends[path] = end.path;
  return end.path;
}

/**
 * The path inside of a source, if an earlier mount covers it or lies below it.
 */
function revealedBy(tree: Tree, { root }: Spec, mount: Mount): string | null {
  const { source } = mount;
  if (!isBind(mount) || !source?.startsWith("/")) return null;
  if (!tree.hasMounts) return null;
  const { world } = tree;
  const [real, top] = [realOf(source, world), realOf(root.path, world)];
  if (!isWithin(real, top) || real === top || top === "/") return null;
  const inside = real.slice(top.length);
  return tree.meets(inside) ? inside : null;
}

/**
 * The directories above sources that are closed to other users, with these
 * sources.
 */
function closedDirectories(
  { root, mounts = [] }: Spec,
  madeFiles: readonly string[],
  world: World,
): ClosedDirectory[] {
  const found = new Map<string, ClosedDirectory["sources"]>();
  const sources = mounts.filter((mount) =>
    isBind(mount) && !isMapped(mount) && mount.source?.startsWith("/")
  ).map(({ source }) => source!);
  const real = [root.path, ...sources].map((path) => realOf(path, world));
  const made = new Set(madeFiles.map((path) => realOf(path, world)));
  for (const path of new Set(real)) {
    const info = made.has(path)
      ? { type: "file" }
      : orNull(() => world.stat(path));
    const directory = info && closedAbove(path, world);
    if (!directory) continue;
    const kind = info.type === "directory" ? "directory" : "file";
    const list = found.get(directory) ?? [];
    found.set(directory, list);
    list.push({ path, kind });
  }
  return [...found].map(([directory, sources]) => {
    const paths = new Set(sources.map(({ path }) => path));
    return {
      directory,
      // A source inside another source comes with that one.
      sources: sources.filter(({ path }) =>
        !directoriesAbove(path).some((above) => paths.has(above))
      ),
    };
  });
}

/** The first directory on the way to a path that other users may not enter. */
function closedAbove(path: string, world: World): string | null {
  const parts = path.split("/").slice(1, -1);
  for (const index of parts.keys()) {
    const directory = `/${parts.slice(0, index + 1).join("/")}`;
    const mode = orNull(() => world.stat(directory))?.mode ?? 0;
    if (!(mode & ENTERED_BY_OTHERS)) return directory;
  }
  return null;
}

const ENTERED_BY_OTHERS = 0o001;

/** Resolves the links of the part of a path that exists, and keeps the rest. */
function realOf(path: string, world: World): string {
  const parts = path.split("/").filter((part) => part && part !== ".");
  for (let count = parts.length; count > 0; count--) {
    const start = `/${parts.slice(0, count).join("/")}`;
    const above = orNull(() => world.realPath(start));
    if (above === null) continue;
    return ["", ...above.split("/"), ...parts.slice(count)]
      .filter((part, index) => part || !index).join("/");
  }
  return path;
}

/**
 * These are created in the root filesystem itself, see plan/mounts/mounts.ts.
 */
const NO_MOUNTS = ["directory", "file", "symlink"];

/**
 * What a mount will show: a path of the host, nothing, or something unknown.
 */
type Shown = { source: string } | "nothing" | "unknown";

function shownBy(mount: Mount): Shown {
  const { type, source = mount.destination, options = [] } = mount;
  if (isBind(mount)) return { source };
  const isEmpty = type === "tmpfs" && !options.includes("tmpcopyup");
  return isEmpty ? "nothing" : "unknown";
}

interface Mounted {
  place: string;
  shown: Shown;
  position: number;
}

/** A root filesystem together with mounts that are not made yet. */
class Tree {
  /** The last mount at each place, and its position among all. */
  readonly #mounted = new PathMap<Mounted>();
  #count = 0;
  constructor(
    private readonly root: OpenDirectory,
    private readonly upper: string | null,
    readonly world: World,
  ) {}

  mount(mount: Mount, place: string): void {
    if (NO_MOUNTS.includes(mount.type ?? "")) return;
    const position = this.#count++;
    this.#mounted.set(place, { place, shown: shownBy(mount), position });
  }

  get hasMounts(): boolean {
    return this.#count > 0;
  }

  /** Whether a mount covers a path or is below it. */
  meets(path: string): boolean {
    return this.#cover(path) !== undefined || this.#mounted.hasBelow(path);
  }

  /** Whether a path certainly exists, by the cheapest check. */
  has(path: string): boolean {
    if (path === "/") return true;
    const above = this.#cover(path);
    if (above) return above.place === path;
    return this.root.exists(path);
  }

  /** Where a path leads, and what is there; null if that is unknown. */
  follow(path: string): { path: string; found: Found } | null {
    const rest = path.split("/").filter((part) => part && part !== ".");
    const done: string[] = [];
    let found: Found = { directory: true };
    for (let links = 0; rest.length;) {
      const part = rest.shift()!;
      if (part === "..") {
        done.pop();
        continue;
      }
      const here = `/${[...done, part].join("/")}`;
      const looked = this.#look(here);
      if (looked === "unknown") return null;
      found = looked;
      if (!found || !("link" in found)) {
        done.push(part);
        continue;
      }
      if (++links > MAX_LINKS) return null;
      if (found.link.startsWith("/")) done.length = 0;
      rest.unshift(...found.link.split("/").filter((p) => p && p !== "."));
    }
    return { path: `/${done.join("/")}`, found };
  }

  #cover(path: string) {
    const covers = [path, ...this.#mounted.above(path), "/"].flatMap((place) =>
      this.#mounted.get(place) ?? []
    );
    return covers.reduce(
      (last, cover) => last && last.position > cover.position ? last : cover,
      covers[0],
    );
  }

  #look(path: string): Found | "unknown" {
    const cover = this.#cover(path);
    if (!cover) {
      const changed = this.upper === null ? null : this.#onHost(
        this.upper + path,
      );
      return changed ?? lookAt(this.root, path);
    }
    const { place, shown } = cover;
    const isPlace = place === path;
    if (typeof shown === "object") {
      const source = shown.source + path.slice(place.length);
      if (!isPlace) return this.#onHost(source);
      const info = orNull(() => this.world.stat(source));
      return info && { directory: info.type === "directory" };
    }
    if (isPlace) return { directory: true };
    return shown === "nothing" ? null : "unknown";
  }

  #onHost = (path: string) => lookAt(this.world, path);
}

/** What is at a path without links. */
function lookAt(
  files: {
    lstat(path: string): FileInfo | null;
    readLink(path: string): string | null;
  },
  path: string,
): Found {
  const info = orNull(() => files.lstat(path));
  if (info?.type !== "link") {
    return info && { directory: info.type === "directory" };
  }
  const link = orNull(() => files.readLink(path));
  return link === null ? null : { link };
}
