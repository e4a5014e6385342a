/**
 * The plainest run, which the compiled program carries out without starting
 * Deno: its words, and whether Deno was started after all.
 */

import {
  CONTAINER,
  execute,
  NO_STANDALONE,
  type Options,
  rootfs,
  TempDir,
  without,
} from "./_harness.ts";

/** The path of the program. */
export const [program = ""] = CONTAINER;
/** Why these tests cannot run; null if they can. */
export const skip = NO_STANDALONE ?? without("strace");

/** Our program or the command as PID 1. */
export const MODES: readonly (readonly string[])[] = [[], ["--no-init"]];

/** The words of a plain run in a mode. */
export const plainIn = (
  mode: readonly string[],
  root: string,
  ...command: string[]
) => [...aloudIn(mode, root), ...command].toSpliced(2, 0, "-q");

/** The same without --quiet. */
export const aloudIn = (
  mode: readonly string[],
  root: string,
  ...command: string[]
) => [program, "run", ...mode, "--rootfs", root, ...command];

/** The words of a plain run whose command is PID 1. */
export const plain = (root: string, ...command: string[]) =>
  plainIn(["--no-init"], root, ...command);

/**
 * Both outcomes of a command: without Deno, and with a flag that starts Deno.
 * One after the other, because both write into the same root filesystem.
 */
export async function both(
  mode: readonly string[],
  command: readonly string[],
  { root = rootfs(), before = [], ...options }: Options & {
    root?: string;
  } = {},
) {
  const found = [];
  for (const flags of [[], ["-u", "0"]]) {
    const run = plainIn([...mode, ...flags], root, ...command);
    found.push(await execute([...before, ...run], options));
  }
  return found;
}

/**
 * A library that Deno needs and a shell does not, and what loads it: the native
 * entry opens that itself.
 */
const LOADED = /libgcc_s|\/ld-linux/;

/** Whether a command line, after the words `before`, loaded Deno. */
export async function hasRuntime(
  run: readonly string[],
  { before = [], inject, ...options }: Options & {
    /** A system call that fails, strace(1). */
    inject?: string;
  } = {},
): Promise<boolean> {
  await using dir = new TempDir();
  const file = `${dir.path}/trace`;
  await execute(
    [
      ...["strace", "-f", "-o", file, "-e"],
      ...inject
        ? [`trace=openat,${inject.split(":")[0]}`, "-e", `inject=${inject}`]
        : ["trace=openat"],
      ...before,
      ...run,
    ],
    options,
  );
  return LOADED.test(await Deno.readTextFile(file));
}

/** Words that start other words with files as standard streams. */
export const toFiles = (dir: TempDir, redirections: string) => [
  ...["sh", "-c", `exec "$@" ${redirections}`, dir.path],
];
