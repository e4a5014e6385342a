/**
 * Notes everything that is read of a World. The log says what a decision
 * depends on: if none of it has changed, the decision is the same. Runs where
 * the World is read.
 */

import { SyscallError } from "../../ffi/errno.ts";
import type { OpenDirectory, World } from "./world.ts";

/** A result of a read. */
export type Answer =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly unknown[]
  | object;

/** What a read was given. */
export type Argument = string | number;

/** One read. */
export interface Read {
  /** The function of the World, such as `stat`; `in.stat` for a directory. */
  kind: string;
  /**
   * The path, name or number that was read, with further arguments. For a
   * directory its own path comes first.
   */
  of: readonly Argument[];
  /** The result, or the errno if the kernel refused. */
  answer: Answer | { refused: string };
}

/** Equal for the same read only. */
export const keyOf = ({ kind, of }: Pick<Read, "kind" | "of">): string =>
  JSON.stringify([kind, ...of]);

/** What was read, in order. The same read appears once. */
export class ReadLog {
  readonly #reads = new Map<string, Read>();
  #repeats = true;

  /** All reads, in the order of the first time. */
  get reads(): Read[] {
    return [...this.#reads.values()];
  }

  /** Carries out a read and notes it. Only errors of the kernel are answers. */
  note<T extends Answer>(
    kind: string,
    of: readonly Argument[],
    read: () => T,
  ): T {
    try {
      const answer = read();
      this.#add({ kind, of, answer });
      return answer;
    } catch (error) {
      if (error instanceof SyscallError) {
        this.#add({ kind, of, answer: { refused: error.code } });
      }
      throw error;
    }
  }

  /** {@linkcode ReadLog.note} of a read that takes time. */
  async noteLater<T extends Answer>(
    kind: string,
    of: readonly Argument[],
    read: () => Promise<T>,
  ): Promise<T> {
    const answer = await read();
    this.#add({ kind, of, answer });
    return answer;
  }

  #add(read: Read): void {
    const key = keyOf(read);
    const earlier = this.#reads.get(key);
    if (earlier && textOf(earlier.answer) !== textOf(read.answer)) {
      this.notRepeatable();
    }
    this.#reads.set(key, read);
  }

  /**
   * Whether the same answers lead to the same decision. They do not after a
   * random number, or if something changed between two reads.
   */
  get repeats(): boolean {
    return this.#repeats;
  }

  /** Notes that the decision depends on something that is no answer. */
  notRepeatable(): void {
    this.#repeats = false;
  }
}

/**
 * The same World, which notes in `log` what is read.
 *
 * A random number is not noted: it is a secret, and no later read could be
 * compared with it.
 */
export function logged(world: World, log: ReadLog): World {
  /** Notes the reads of one function. */
  const noted = <A extends Argument[], T extends Answer>(
    kind: string,
    read: (...of: A) => T,
  ) =>
  (...of: A): T => log.note(kind, of, () => read(...of));
  return {
    stat: noted("stat", world.stat),
    lstat: noted("lstat", world.lstat),
    realPath: noted("realPath", world.realPath),
    readLink: noted("readLink", world.readLink),
    readText: noted("readText", world.readText),
    readPart: noted("readPart", world.readPart),
    readDirectory: noted("readDirectory", world.readDirectory),
    access: noted("access", world.access),
    openDirectory(path) {
      let directory: OpenDirectory | undefined;
      // The answer is the path that it has without links.
      log.note(
        "openDirectory",
        [path],
        () => (directory = world.openDirectory(path)).path,
      );
      return loggedDirectory(directory!, path, log);
    },
    ids: noted("ids", world.ids),
    capabilities: noted("capabilities", world.capabilities),
    processId: noted("processId", world.processId),
    environment: noted("environment", world.environment),
    variable: noted("variable", world.variable),
    workingDirectory: noted("workingDirectory", world.workingDirectory),
    program: noted("program", world.program),
    hardLimit: noted("hardLimit", world.hardLimit),
    descriptor: noted("descriptor", world.descriptor),
    isTerminal: noted("isTerminal", world.isTerminal),
    isSameFile: noted("isSameFile", world.isSameFile),
    isInForeground: noted("isInForeground", world.isInForeground),
    terminalSize: noted("terminalSize", world.terminalSize),
    terminalSettings: noted("terminalSettings", world.terminalSettings),
    kernelRelease: noted("kernelRelease", world.kernelRelease),
    architecture: noted("architecture", world.architecture),
    hostname: noted("hostname", world.hostname),
    startsInRamfs: noted("startsInRamfs", world.startsInRamfs),
    landlock: noted("landlock", world.landlock),
    namespaceFixesGroups: noted(
      "namespaceFixesGroups",
      world.namespaceFixesGroups,
    ),
    filesInLayers: (layers, paths) =>
      log.noteLater(
        "filesInLayers",
        [...layers, ...paths],
        () => world.filesInLayers(layers, paths),
      ),
    placeInLayers: (layers, path) =>
      log.noteLater(
        "placeInLayers",
        [...layers, path],
        () => world.placeInLayers(layers, path),
      ),
    accountsInImage: (image) =>
      log.noteLater(
        "accountsInImage",
        [image.image, image.type],
        () => world.accountsInImage(image),
      ),
    random() {
      log.notRepeatable();
      return world.random();
    },
  };
}

function loggedDirectory(
  directory: OpenDirectory,
  place: string,
  log: ReadLog,
): OpenDirectory {
  const noted = <A extends Argument[], T extends Answer>(
    kind: string,
    read: (...of: A) => T,
  ) =>
  (...of: A): T => log.note(`in.${kind}`, [place, ...of], () => read(...of));
  return {
    path: directory.path,
    stat: noted("stat", (path) => directory.stat(path)),
    lstat: noted("lstat", (path) => directory.lstat(path)),
    readLink: noted("readLink", (path) => directory.readLink(path)),
    readText: noted("readText", (path) => directory.readText(path)),
    hasEntries: noted("hasEntries", (path) => directory.hasEntries(path)),
    exists: noted("exists", (path) => directory.exists(path)),
    readFileOnHost: noted(
      "readFileOnHost",
      (path, most) => directory.readFileOnHost(path, most),
    ),
    directoryOnHost: noted(
      "directoryOnHost",
      (path) => directory.directoryOnHost(path),
    ),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

/** The bytes of an answer as text, which is the same only for equal answers. */
const textOf = (answer: Read["answer"]): string =>
  JSON.stringify(
    answer,
    (_, value) =>
      value instanceof Uint8Array
        ? { bytes: [...value] }
        : value && typeof value === "object" && !Array.isArray(value)
        // The order of members does not matter.
        ? Object.fromEntries(Object.entries(value).sort())
        : value,
  );

/** The SHA-256 of an answer, in hexadecimal digits. */
export async function digestOf({ answer }: Read): Promise<string> {
  const bytes = new TextEncoder().encode(textOf(answer));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
