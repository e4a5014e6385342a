/** A World that knows only what a log contains. */

import { type Errno, SyscallError } from "../../ffi/errno.ts";
import { type Argument, keyOf, type Read } from "./log.ts";
import type { OpenDirectory, World } from "./world.ts";

/** Looks up an answer. Each function of a World knows its type. */
type Ask = <T>(kind: string, ...of: Argument[]) => T;

/** The World of the log; a read that the log lacks is an error. */
export function replayed(reads: readonly Read[]): World {
  const known = new Map(reads.map((read) => [keyOf(read), read.answer]));
  const ask: Ask = <T>(kind: string, ...of: Argument[]): T => {
    const answer = known.get(keyOf({ kind, of }));
    if (answer === undefined) {
      throw new RangeError(`The log has no ${kind} of ${of.join(" ")}`);
    }
    if (isRefusal(answer)) throw new SyscallError(kind, answer.refused);
    return answer as T;
  };
  return {
    stat: (path) => ask("stat", path),
    lstat: (path) => ask("lstat", path),
    realPath: (path) => ask("realPath", path),
    readLink: (path) => ask("readLink", path),
    readText: (path) => ask("readText", path),
    readPart: (...of) => ask("readPart", ...of),
    readDirectory: (path) => ask("readDirectory", path),
    access: (...of) => ask("access", ...of),
    openDirectory: (path) => directory(path, ask),
    ids: () => ask("ids"),
    capabilities: () => ask("capabilities"),
    processId: () => ask("processId"),
    environment: () => ask("environment"),
    variable: (name) => ask("variable", name),
    workingDirectory: () => ask("workingDirectory"),
    program: () => ask("program"),
    hardLimit: (type) => ask("hardLimit", type),
    descriptor: (fd) => ask("descriptor", fd),
    isTerminal: (fd) => ask("isTerminal", fd),
    isSameFile: (...of) => ask("isSameFile", ...of),
    isInForeground: () => ask("isInForeground"),
    terminalSize: () => ask("terminalSize"),
    terminalSettings: () => ask("terminalSettings"),
    kernelRelease: () => ask("kernelRelease"),
    architecture: () => ask("architecture"),
    hostname: () => ask("hostname"),
    startsInRamfs: () => ask("startsInRamfs"),
    landlock: () => ask("landlock"),
    namespaceFixesGroups: (path) => ask("namespaceFixesGroups", path),
    filesInLayers: (layers, paths) =>
      Promise.resolve(ask("filesInLayers", ...layers, ...paths)),
    placeInLayers: (layers, path) =>
      Promise.resolve(ask("placeInLayers", ...layers, path)),
    accountsInImage: ({ image, type }) =>
      Promise.resolve(ask("accountsInImage", image, type)),
    random: () => 0n,
  };
}

const isRefusal = (answer: Read["answer"]): answer is { refused: Errno } =>
  typeof answer === "object" && answer !== null && "refused" in answer;

function directory(place: string, ask: Ask): OpenDirectory {
  return {
    path: ask("openDirectory", place),
    stat: (path) => ask("in.stat", place, path),
    lstat: (path) => ask("in.lstat", place, path),
    readLink: (path) => ask("in.readLink", place, path),
    readText: (path) => ask("in.readText", place, path),
    hasEntries: (path) => ask("in.hasEntries", place, path),
    exists: (path) => ask("in.exists", place, path),
    readFileOnHost: (...of) => ask("in.readFileOnHost", place, ...of),
    directoryOnHost: (path) => ask("in.directoryOnHost", place, path),
    [Symbol.dispose]() {},
  };
}
