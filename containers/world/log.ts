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

/** One read. */
export interface Read {
  /** The function of the World, such as `stat`; `in.stat` for a directory. */
  kind: string;
  /** The path or name that was read, with further arguments. */
  name: string;
  /** The result, or the errno if the kernel refused. */
  answer: Answer | { refused: string };
}

/** What was read, in order. The same read appears once. */
export class ReadLog {
  readonly #reads = new Map<string, Read>();

  /** All reads, in the order of the first time. */
  get reads(): Read[] {
    return [...this.#reads.values()];
  }

  /** Carries out a read and notes it. Only errors of the kernel are answers. */
  note<T extends Answer>(kind: string, name: string, read: () => T): T {
    try {
      const answer = read();
      this.#add({ kind, name, answer });
      return answer;
    } catch (error) {
      this.#addError(kind, name, error);
      throw error;
    }
  }

  /** {@linkcode ReadLog.note} of a read that takes time. */
  async noteLater<T extends Answer>(
    kind: string,
    name: string,
    read: () => Promise<T>,
  ): Promise<T> {
    const answer = await read();
    this.#add({ kind, name, answer });
    return answer;
  }

  #addError(kind: string, name: string, error: unknown): void {
    if (!(error instanceof SyscallError)) return;
    this.#add({ kind, name, answer: { refused: error.code } });
  }

  #add(read: Read): void {
    this.#reads.set(`${read.kind} ${read.name}`, read);
  }
}

/**
 * The same World, which notes in `log` what is read.
 *
 * A random number is not noted: it is a secret, and no later read could be
 * compared with it.
 */
export function logged(world: World, log: ReadLog): World {
  const byPath =
    <T extends Answer>(kind: string, read: (path: string) => T) =>
    (path: string) => log.note(kind, path, () => read(path));
  const plain = <T extends Answer>(kind: string, read: () => T) => () =>
    log.note(kind, "", read);
  return {
    stat: byPath("stat", world.stat),
    lstat: byPath("lstat", world.lstat),
    realPath: byPath("realPath", world.realPath),
    readLink: byPath("readLink", world.readLink),
    readText: byPath("readText", world.readText),
    readDirectory: byPath("readDirectory", world.readDirectory),
    hardLimit: byPath("hardLimit", world.hardLimit),
    variable: byPath("variable", world.variable),
    namespaceFixesGroups: byPath(
      "namespaceFixesGroups",
      world.namespaceFixesGroups,
    ),
    readPart: (path, from, length) =>
      log.note(
        "readPart",
        `${path} ${from} ${length}`,
        () => world.readPart(path, from, length),
      ),
    access: (path, mode) =>
      log.note("access", `${path} ${mode}`, () => world.access(path, mode)),
    openDirectory(path) {
      const open = () => world.openDirectory(path);
      let directory: OpenDirectory | undefined;
      // The answer is the path that it has without links.
      log.note("openDirectory", path, () => (directory = open()).path);
      return loggedDirectory(directory!, path, log);
    },
    descriptor: (fd) =>
      log.note("descriptor", String(fd), () => world.descriptor(fd)),
    isTerminal: (fd) =>
      log.note("isTerminal", String(fd), () => world.isTerminal(fd)),
    isSameFile: (one, other) =>
      log.note(
        "isSameFile",
        `${one} ${other}`,
        () => world.isSameFile(one, other),
      ),
    accountsInImage: (image) =>
      log.noteLater(
        "accountsInImage",
        image.image,
        () => world.accountsInImage(image),
      ),
    ids: plain("ids", world.ids),
    environment: plain("environment", world.environment),
    workingDirectory: plain("workingDirectory", world.workingDirectory),
    program: plain("program", world.program),
    isInForeground: plain("isInForeground", world.isInForeground),
    terminalSize: plain("terminalSize", world.terminalSize),
    kernelRelease: plain("kernelRelease", world.kernelRelease),
    architecture: plain("architecture", world.architecture),
    hostname: plain("hostname", world.hostname),
    landlock: plain("landlock", world.landlock),
    random: world.random,
  };
}

function loggedDirectory(
  directory: OpenDirectory,
  place: string,
  log: ReadLog,
): OpenDirectory {
  const note = <T extends Answer>(kind: string, name: string, read: () => T) =>
    log.note(`in.${kind}`, `${place} ${name}`, read);
  return {
    path: directory.path,
    stat: (path) => note("stat", path, () => directory.stat(path)),
    lstat: (path) => note("lstat", path, () => directory.lstat(path)),
    readLink: (path) => note("readLink", path, () => directory.readLink(path)),
    readText: (path) => note("readText", path, () => directory.readText(path)),
    hasEntries: (path) =>
      note("hasEntries", path, () => directory.hasEntries(path)),
    exists: (path) => note("exists", path, () => directory.exists(path)),
    readFileOnHost: (path, most) =>
      note(
        "readFileOnHost",
        `${path} ${most}`,
        () => directory.readFileOnHost(path, most),
      ),
    directoryOnHost: (path) =>
      note("directoryOnHost", path, () => directory.directoryOnHost(path)),
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
