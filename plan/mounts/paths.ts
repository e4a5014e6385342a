/**
 * Finds which of many paths are above or below a path, without comparing it
 * with each of them: a container may have thousands of mounts. Pure.
 */

/** The directories above a path except /, the nearest first. */
export function directoriesAbove(path: string): string[] {
  const all: string[] = [];
  let at = path.lastIndexOf("/");
  while (at > 0) {
    all.push(path.slice(0, at));
    at = path.lastIndexOf("/", at - 1);
  }
  return all;
}

/** Values at paths. A later value at the same path replaces the earlier one. */
export class PathMap<Value> {
  readonly #values = new Map<string, Value>();
  /** How many of the paths are below a directory. */
  readonly #below = new Map<string, number>();

  /** The value at a path. */
  get(path: string): Value | undefined {
    return this.#values.get(path);
  }

  /** Sets the value at a path. */
  set(path: string, value: Value): void {
    if (!this.#values.has(path)) this.#count(path, 1);
    this.#values.set(path, value);
  }

  /** Removes a path. */
  delete(path: string): void {
    if (this.#values.delete(path)) this.#count(path, -1);
  }

  /** Removes all paths below a directory. */
  deleteBelow(directory: string): void {
    if (!this.hasBelow(directory)) return;
    for (const path of [...this.#values.keys()]) {
      if (path.startsWith(`${directory}/`)) this.delete(path);
    }
  }

  /** Removes everything. */
  clear(): void {
    this.#values.clear();
    this.#below.clear();
  }

  /** Whether one of the paths is below a directory. */
  hasBelow(directory: string): boolean {
    return (this.#below.get(directory) ?? 0) > 0;
  }

  /** The paths above a path that have a value, the nearest first. */
  above(path: string): string[] {
    return directoriesAbove(path).filter((above) => this.#values.has(above));
  }

  #count(path: string, change: number): void {
    for (const above of directoriesAbove(path)) {
      this.#below.set(above, (this.#below.get(above) ?? 0) + change);
    }
  }
}
