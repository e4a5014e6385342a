/**
 * Puts a tree in its place: checks what is there, locks, builds in a temporary
 * directory and renames. If a run is killed, the place holds the old tree, the
 * new one or none, and the next run removes what is left.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { basename, dirname, join, resolve } from "@std/path";
import { errorCode, RootfsError } from "../rootfs/errors.ts";
import { mountOf, readMounts } from "../rootfs/mountinfo.ts";
import {
  decidePlacement,
  hiddenPlacement,
  type Placement,
} from "../rootfs/placement.ts";
import {
  describeStuck,
  isOwnTree,
  lstatOrNull,
  mayRemoveTree,
  refuseMounts,
  sweep,
  temporaryPrefix,
} from "../rootfs/trees.ts";

/** What exists at the path that the user named. */
export type Occupant = "nothing" | "our link" | "our tree";

/** A path that the user named, and what was found there. */
export interface Site {
  /** The path as the user wrote it. */
  readonly shown: string;
  /** The absolute path, with the links of its parent resolved. */
  readonly target: string;
  readonly occupant: Occupant;
  readonly placement: Placement;
  /** Whether it is a tree that other users of the host can reach. */
  readonly exposed: boolean;
}

/**
 * Examines a path and creates its parent. Refuses anything that this program
 * has not made.
 *
 * @throws {RootfsError}
 */
export function inspectSite(shown: string): Site {
  const absolute = resolve(shown);
  if (absolute === "/") {
    throw new RootfsError("Cannot place a root filesystem at /", {
      hint: "name a directory below it with --out",
    });
  }
  const parent = makeParent(shown, dirname(absolute));
  const target = join(parent, basename(absolute));
  const hidden = hiddenPlacement(target);
  const occupant = inspectOccupant(shown, target, hidden);
  const { mode, uid } = Deno.statSync(parent);
  const decided = decidePlacement({
    target,
    parent: { mode: mode ?? 0, uid: uid ?? -1 },
    uid: Deno.uid() ?? -1,
    mounts: readMounts(),
  });
  return {
    shown,
    target,
    occupant,
    // A link stays a link, even if its directory has been closed since.
    placement: occupant === "our link" ? hidden : decided,
    exposed: occupant === "our tree" && decided.kind === "hidden",
  };
}

/** Creates the parent directory of the tree; returns its path without links. */
function makeParent(shown: string, parent: string): string {
  try {
    Deno.mkdirSync(parent, { recursive: true });
    return Deno.realPathSync(parent);
  } catch (error) {
    // EEXIST if the last part is a file, ENOTDIR if an earlier part is one.
    if (!["EEXIST", "ENOTDIR"].includes(errorCode(error))) throw error;
    throw new RootfsError(
      `Cannot place a root filesystem at ${shown}: ${parent} is not a directory`,
      { hint: "choose another path with --out", cause: error },
    );
  }
}

function inspectOccupant(
  shown: string,
  target: string,
  hidden: Placement,
): Occupant {
  const info = lstatOrNull(target);
  if (info === null) return "nothing";
  if (info.isSymlink) {
    const link = Deno.readLinkSync(target);
    if (link === hidden.link) return "our link";
    throw refuse(
      shown,
      `it is a link to ${link} that this script did not create`,
    );
  }
  if (!info.isDirectory) throw refuse(shown, "it is not a directory");
  if (mountOf(target, readMounts())?.path === target) {
    throw refuse(shown, "it is a mount point");
  }
  if (!isOwnTree(target)) {
    throw refuse(
      shown,
      "it is a directory that this script did not create (its bin has files other than busybox and links to it)",
    );
  }
  return "our tree";
}

function refuse(shown: string, cause: string): RootfsError {
  return new RootfsError(`Cannot replace ${shown}: ${cause}`, {
    hint: "move it or choose another path with --out",
  });
}

/** The locked directory in which a tree is built and kept. */
export class Home implements Disposable {
  #lock: Deno.FsFile | null;
  #made: boolean;
  readonly #say: (line: string) => void;

  private constructor(
    readonly site: Site,
    lock: Deno.FsFile | null,
    made: boolean,
    say: (line: string) => void,
  ) {
    this.#lock = lock;
    this.#made = made;
    this.#say = say;
  }

  /**
   * Waits for other runs at the same place, then removes what killed runs have
   * left.
   */
  static async open(site: Site, say: (line: string) => void): Promise<Home> {
    const { home } = site.placement;
    while (true) {
      const made = prepareHome(site);
      const lock = await Deno.open(home);
      const locked = await waitForLock(
        lock,
        () => say(`Waiting until another run has finished with ${site.shown}`),
      );
      // The other run may have removed its empty directory.
      if ((await lock.stat()).ino !== lstatOrNull(home)?.ino) {
        lock.close();
        continue;
      }
      if (!locked) {
        // Without locks (NFS) a leftover cannot be distinguished from the work
        // of a living run.
        lock.close();
        return new Home(site, null, made, say);
      }
      const { removed, stuck } = sweep(home, basename(site.placement.tree));
      for (const name of removed) {
        say(`Removed ${name}, left behind by a killed run`);
      }
      for (const name of stuck) say(describeStuck(join(home, name)));
      return new Home(site, lock, made, say);
    }
  }

  /**
   * Creates the temporary directory of this run. Disposing of it removes it.
   */
  scratch(): Scratch {
    const { home, tree } = this.site.placement;
    const path = Deno.makeTempDirSync({
      dir: home,
      prefix: temporaryPrefix(basename(tree)),
    });
    return new Scratch(path, this.#say);
  }

  /** The existing tree; `null` if there is none. */
  currentTree(): string | null {
    const { occupant, target, placement } = this.site;
    if (occupant === "our tree") return target;
    const info = lstatOrNull(placement.tree);
    if (info === null) return null;
    if (info.isDirectory && info.uid === Deno.uid()) return placement.tree;
    throw refuse(placement.tree, "it is not a directory that you own");
  }

  /** Makes the user's path a link to the tree, if it is not the tree itself. */
  link(): void {
    const { target, placement } = this.site;
    if (placement.link === null || lstatOrNull(target) !== null) return;
    Deno.symlinkSync(placement.link, target);
  }

  /**
   * Moves a finished tree into place. It is synchronous, so no signal handler
   * runs in between.
   */
  install(fresh: string, scratch: Scratch): void {
    const { tree } = this.site.placement;
    // There are two if an exposed tree is replaced by a hidden one.
    const old = [...new Set([this.currentTree(), tree])].filter((path) =>
      path !== null && lstatOrNull(path) !== null
    ) as string[];
    old.forEach(refuseMounts);
    const moved: [from: string, to: string][] = [];
    try {
      for (const path of old) {
        const to = `${scratch.path}/old${moved.length}`;
        Deno.renameSync(path, to);
        moved.push([path, to]);
      }
      Deno.renameSync(fresh, tree);
    } catch (error) {
      for (const [from, to] of moved) Deno.renameSync(to, from);
      throw error;
    }
    this.link();
  }

  [Symbol.dispose](): void {
    const { placement } = this.site;
    if (this.#made && placement.kind === "hidden") {
      try {
        // Succeeds only if it is empty, after a failed run.
        Deno.removeSync(placement.home);
      } catch {
        // It contains a tree.
      }
    }
    this.#lock?.close();
    this.#lock = null;
  }
}

/** A temporary directory next to the tree. */
export class Scratch implements Disposable {
  readonly #say: (line: string) => void;

  constructor(readonly path: string, say: (line: string) => void) {
    this.#say = say;
  }

  [Symbol.dispose](): void {
    // It contains the tree that was replaced; the new one is in place already.
    if (!mayRemoveTree(this.path)) this.#say(describeStuck(this.path));
  }
}

/** Creates or checks the 0700 directory. Returns whether it was created. */
function prepareHome(site: Site): boolean {
  const { kind, home } = site.placement;
  if (kind !== "hidden") return false;
  try {
    Deno.mkdirSync(home, { mode: 0o700 });
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const info = Deno.lstatSync(home);
  const problem = !info.isDirectory
    ? "it is not a directory"
    : info.uid !== Deno.uid()
    ? `it belongs to user ${info.uid}`
    : ((info.mode ?? 0) & 0o077) !== 0
    ? "it is open to other users"
    : null;
  if (problem === null) return false;
  throw new RootfsError(
    `Cannot keep a root filesystem in ${home}: ${problem}`,
    {
      hint: 'restrict it with "chmod 700", or move it',
    },
  );
}

async function waitForLock(
  file: Deno.FsFile,
  onWait: () => void,
): Promise<boolean> {
  const timer = setTimeout(onWait, 300);
  try {
    await file.lock(true);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
