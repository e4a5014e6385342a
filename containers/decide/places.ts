/**
 * Where the mounts of a container come to be, and from, where the root
 * filesystem has links that lead to nothing yet, or a source is what an earlier
 * mount shows. Reads only, on the host, before any mount is made: the root
 * filesystem can be changed meanwhile, so that what is found here says where to
 * make something and never stands for the path inside the root.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { openInRoot, RESOLVE_NO_XDEV } from "../../ffi/openat2.ts";
import type { ClosedDirectory, Facts } from "../../plan/facts.ts";
import { isMapped } from "../../plan/mounts/host_mounts.ts";
import { isKernels } from "../../plan/mounts/kernel_places.ts";
import { isBind } from "../../plan/mounts/options.ts";
import type { Mount, Spec } from "../../spec/types.ts";

/** As many links as the kernel follows, path_resolution(7). */
const MOST_LINKS = 40;

/** What the mounts need to know of paths. */
export interface Places {
  /** By a path of the Spec that ends at nothing, because of a link: what it leads to. */
  ends: Record<string, string>;
  /** By the number of a mount whose source an earlier one shows: its path inside. */
  revealed: Record<number, string>;
  /** Those of them whose source is not a directory. */
  files: string[];
  closed?: ClosedDirectory[];
}

/** What is at a path without links: null is nothing. */
type Found = { link: string } | { directory: boolean } | null;

const isWithin = (path: string, directory: string) =>
  path === directory || directory === "/" || path.startsWith(`${directory}/`);

/** What {@linkcode findPlaces} is told beside the Spec. */
export interface PlaceOptions extends Pick<Facts, "rootKind" | "overlay"> {
  /** The caller may go where root of the user namespace may not. */
  entersMore: boolean;
}

/** Finds out about the paths of a Spec whose root filesystem is a directory. */
export function findPlaces(
  spec: Spec,
  { rootKind, overlay, entersMore }: PlaceOptions,
): Places {
  const places: Places = { ends: {}, revealed: {}, files: [] };
  const closed = entersMore ? closedDirectories(spec) : [];
  if (closed.length) places.closed = closed;
  if (rootKind !== "directory") return places;
  try {
    using root = open(spec.root.path, O.O_PATH | O.O_DIRECTORY);
    const tree = new Tree(root, overlay?.upper ?? null);
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
      // A link in the kernel's place is refused: nothing is made for it.
      tree.mount(
        mount,
        isKernels(destination)
          ? destination
          : noteEnd(tree, destination, places),
      );
    }
    noteEnd(tree, spec.process.cwd, places);
    return places;
  } catch (error) {
    // Who may not look cannot mount either, and that will be said.
    if (error instanceof SyscallError) return places;
    throw error;
  }
}

/** Notes where a path ends; returns it. */
function noteEnd(tree: Tree, path: string, { ends }: Places): string {
  if (tree.has(path)) return path;
  const end = tree.follow(path);
  if (!end) return path;
  if (!end.found && end.path !== path) ends[path] = end.path;
  return end.path;
}

/** The path inside of a source that an earlier mount covers, or is made below. */
function revealedBy(tree: Tree, { root }: Spec, mount: Mount): string | null {
  const { source } = mount;
  if (!isBind(mount) || !source?.startsWith("/")) return null;
  if (!tree.mounted.length) return null;
  const [real, top] = [realOf(source), realOf(root.path)];
  if (!isWithin(real, top) || real === top || top === "/") return null;
  const inside = real.slice(top.length);
  const meets = tree.mounted.some(({ place }) =>
    isWithin(inside, place) || isWithin(place, inside)
  );
  return meets ? inside : null;
}

/** The directories above sources that not everybody may enter. */
function closedDirectories({ root, mounts = [] }: Spec): ClosedDirectory[] {
  const found = new Map<string, ClosedDirectory["sources"]>();
  const sources = mounts.filter((mount) =>
    isBind(mount) && !isMapped(mount) && mount.source?.startsWith("/")
  ).map(({ source }) => source!);
  for (const path of new Set([root.path, ...sources].map(realOf))) {
    const info = infoOf(path);
    const directory = info && closedAbove(path);
    if (!directory) continue;
    const kind = info.isDirectory ? "directory" : "file";
    const list = found.get(directory) ?? [];
    found.set(directory, list);
    list.push({ path, kind });
  }
  return [...found].map(([directory, sources]) => ({
    directory,
    // What lies in another of them comes with it.
    sources: sources.filter(({ path }) =>
      !sources.some((other) =>
        other.path !== path && isWithin(path, other.path)
      )
    ),
  }));
}

/** The first directory on the way to a path that others may not enter. */
function closedAbove(path: string): string | null {
  const parts = path.split("/").slice(1, -1);
  for (const index of parts.keys()) {
    const directory = `/${parts.slice(0, index + 1).join("/")}`;
    const mode = infoOf(directory)?.mode ?? 0;
    if (!(mode & ENTERED_BY_OTHERS)) return directory;
  }
  return null;
}

const ENTERED_BY_OTHERS = 0o001;

function infoOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}

/** A path without links as far as it is there, the rest as it stands. */
function realOf(path: string): string {
  const parts = path.split("/").filter((part) => part && part !== ".");
  for (let count = parts.length; count > 0; count--) {
    try {
      const above = Deno.realPathSync(`/${parts.slice(0, count).join("/")}`);
      return ["", ...above.split("/"), ...parts.slice(count)]
        .filter((part, index) => part || !index).join("/");
    } catch {
      // What is above it is asked next.
    }
  }
  return path;
}

/** What is made in the root filesystem itself, plan/mounts/mounts.ts. */
const NO_MOUNTS = ["directory", "file", "symlink"];

/** What a mount will show: a path of the host, nothing at all, or who knows. */
type Shown = { source: string } | "nothing" | "unknown";

function shownBy(mount: Mount): Shown {
  const { type, source = mount.destination, options = [] } = mount;
  if (isBind(mount)) return { source };
  const isEmpty = type === "tmpfs" && !options.includes("tmpcopyup");
  return isEmpty ? "nothing" : "unknown";
}

/** A root filesystem with mounts on it that are not made yet. */
class Tree {
  readonly mounted: { place: string; shown: Shown }[] = [];
  constructor(
    private readonly root: Descriptor,
    private readonly upper: string | null,
  ) {}

  mount(mount: Mount, place: string): void {
    if (NO_MOUNTS.includes(mount.type ?? "")) return;
    this.mounted.push({ place, shown: shownBy(mount) });
  }

  /** Whether a path surely is there, by the cheapest way to know. */
  has(path: string): boolean {
    if (path === "/") return true;
    const above = this.#cover(path);
    if (above) return above.place === path;
    try {
      using found = openInRoot(this.root, path, O.O_PATH, RESOLVE_NO_XDEV);
      return found !== null;
    } catch (error) {
      // What is mounted there may not answer: nobody waits for it here.
      if (error instanceof SyscallError && error.code === "EXDEV") return true;
      throw error;
    }
  }

  /** Where a path leads, and what is there; null where that is nowhere. */
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
      if (++links > MOST_LINKS) return null;
      if (found.link.startsWith("/")) done.length = 0;
      rest.unshift(...found.link.split("/").filter((p) => p && p !== "."));
    }
    return { path: `/${done.join("/")}`, found };
  }

  #cover(path: string) {
    return this.mounted.findLast(({ place }) => isWithin(path, place));
  }

  #look(path: string): Found | "unknown" {
    const cover = this.#cover(path);
    if (!cover) {
      const changed = this.upper === null ? null : lookAt(this.upper + path);
      return changed ?? lookAt(`/proc/self/fd/${this.root.fd}${path}`);
    }
    const { place, shown } = cover;
    const isPlace = place === path;
    if (typeof shown === "object") {
      const stat = isPlace ? Deno.statSync : Deno.lstatSync;
      return lookAt(shown.source + path.slice(place.length), stat);
    }
    if (isPlace) return { directory: true };
    return shown === "nothing" ? null : "unknown";
  }
}

function lookAt(path: string, stat = Deno.lstatSync): Found {
  try {
    const { isSymlink, isDirectory } = stat(path);
    return isSymlink
      ? { link: Deno.readLinkSync(path) }
      : { directory: isDirectory };
  } catch {
    return null;
  }
}
